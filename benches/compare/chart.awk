# The chart of compare.svg from compare.csv, run with median.awk before it: a panel for each case,
# a bar for each server. Cases differ by two orders of magnitude, so each panel has its own scale.

BEGIN {
   columns = 3            # panels in a row
   panel_width = 272
   panel_height = 246
   margin = 24
   top = 92               # title and subtitle
   gap = 20               # between two panels
   plot_left = 44         # room for the axis labels of a panel
   plot_top = 58
   plot_height = 148
}

END {
   for (c = 1; c <= case_count; c++) {
      if (has(cases[c], "cpu_us_per_request")) panel[++panels] = cases[c]
      else if (has(cases[c], "idle_bytes")) { panel[++panels] = cases[c]; memory = 1 }
   }
   if (panels < columns) columns = panels > 2 ? panels : 2
   rows = int((panels + columns - 1) / columns)
   width = 2 * margin + columns * panel_width - gap
   height = top + rows * panel_height + margin / 2
   open_svg()
   for (p = 1; p <= panels; p++)
      draw_panel(panel[p], margin + ((p - 1) % columns) * panel_width, top + int((p - 1) / columns) * panel_height)
   print "</svg>"
}

function open_svg(    s, x) {
   printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" aria-labelledby=\"title subtitle\">\n",
      width, height, width, height
   print "<style>"
   print "svg { --page: #ffffff; --ink: #1c2530; --soft: #5b6775; --line: #dfe4ea; --tidegate: #0b72b9; --nginx: #d9822b; --floor: #9aa5b1; --other: #7a5ea8; }"
   print "@media (prefers-color-scheme: dark) { svg { --page: #12181f; --ink: #e8edf2; --soft: #9fabb8; --line: #2b3641; --tidegate: #4aa8ea; --nginx: #eba35b; --floor: #6d7986; --other: #ab93d6; } }"
   print "text { font-family: system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; font-size: 12px; fill: var(--soft); }"
   print ".title { font-size: 19px; font-weight: 600; fill: var(--ink); }"
   print ".case { font-size: 14px; font-weight: 600; fill: var(--ink); }"
   print ".value { fill: var(--ink); font-weight: 600; text-anchor: middle; }"
   print ".name { text-anchor: middle; }"
   print ".tick { font-size: 11px; text-anchor: end; }"
   print ".line { stroke: var(--line); stroke-width: 1; }"
   print ".base { stroke: var(--soft); stroke-width: 1; }"
   print ".page { fill: var(--page); }"
   print ".tidegate { fill: var(--tidegate); } .nginx { fill: var(--nginx); } .floor { fill: var(--floor); } .other { fill: var(--other); }"
   print "</style>"
   printf "<rect class=\"page\" width=\"%d\" height=\"%d\" rx=\"10\"/>\n", width, height
   printf "<text class=\"title\" id=\"title\" x=\"%d\" y=\"38\">CPU time of the server per request%s</text>\n",
      margin, memory ? ", memory of an idle connection" : ""
   printf "<text id=\"subtitle\" x=\"%d\" y=\"60\">Medians of the rounds; CPU time is user and system. Lower is better; each case has its own scale.</text>\n", margin
}

function draw_panel(name, x, y,    metric, unit, most, step, s, v, drawn, slot, bar, left, h, tick, base) {
   metric = has(name, "cpu_us_per_request") ? "cpu_us_per_request" : "idle_bytes"
   unit = metric == "idle_bytes" ? "bytes of memory a connection" : "µs a request"
   for (s = 1; s <= server_count; s++) {
      v = median(name, servers[s], metric)
      if (v == "") continue
      drawn++
      if (v > most) most = v
   }
   step = tick_step(most)
   base = y + plot_top + plot_height
   printf "<text class=\"case\" x=\"%d\" y=\"%d\">%s</text>\n", x, y + 14, label(name)
   printf "<text x=\"%d\" y=\"%d\">%s</text>\n", x, y + 30, unit
   # One step more than the highest bar needs would waste room: the scale ends at that bar.
   for (tick = 0; tick * step <= most; tick++) {
      h = base - plot_height * tick * step / most
      if (tick > 0) printf "<line class=\"line\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n", x + plot_left, x + panel_width - gap, h, h
      printf "<text class=\"tick\" x=\"%d\" y=\"%.1f\">%s</text>\n", x + plot_left - 6, h + 4, tick * step
   }
   slot = (panel_width - gap - plot_left) / drawn
   bar = slot * 0.62
   if (bar > 52) bar = 52
   left = x + plot_left
   for (s = 1; s <= server_count; s++) {
      v = median(name, servers[s], metric)
      if (v == "") continue
      h = v > 0 ? plot_height * v / most : 0
      printf "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><title>%s, %s: %s %s</title></rect>\n",
         class(servers[s]), left + (slot - bar) / 2, base - h, bar, h, name, servers[s], figure(v), unit
      printf "<text class=\"value\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", left + slot / 2, base - h - 5, figure(v)
      printf "<text class=\"name\" x=\"%.1f\" y=\"%d\">%s</text>\n", left + slot / 2, base + 17, servers[s]
      left += slot
   }
   printf "<line class=\"base\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n", x + plot_left, x + panel_width - gap, base, base
}

function has(name, metric,    s) {
   for (s = 1; s <= server_count; s++) if (median(name, servers[s], metric) != "") return 1
   return 0
}

function label(name) {
   if (name == "plaintext") return "Keep-alive, 64 connections"
   if (name == "pipeline") return "Pipelined 16 deep"
   if (name == "c1000") return "Keep-alive, 1,000 connections"
   if (name == "connect") return "A connection for each request"
   if (name == "idle") return "Idle connection"
   if (name == "workers2") return "Two workers"
   return name
}

function class(server) {
   return server ~ /^(tidegate|nginx|floor)$/ ? server : "other"
}

# 1, 2 or 5 times a power of ten, so that three to six lines are drawn.
function tick_step(most,    power) {
   power = 1
   while (power * 10 <= most) power *= 10
   while (power > most) power /= 10
   if (most / power >= 5) return power * 2
   if (most / power >= 2) return power / 2 * (most / power > 3 ? 2 : 1)
   return power / 5 * 2
}

function figure(v, metric) {
   if (metric == "idle_bytes") return sprintf("%.0f", v)
   return sprintf(v < 1 ? "%.2f" : v < 100 ? "%.1f" : "%.0f", v)
}
