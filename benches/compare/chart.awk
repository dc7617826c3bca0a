# The chart of compare.svg from compare.csv, run with median.awk before it: a panel for each case,
# a bar for each server. Cases differ by two orders of magnitude, so each panel has its own scale.

BEGIN {
   columns = 3            # panels in a row
   panel_width = 272
   panel_height = 252
   margin = 24
   top = 92               # title and subtitle
   gap = 20               # between two panels
   plot_left = 44         # room for the axis labels of a panel
   plot_top = 58
   plot_height = 148

   # Where the name of a case does not say enough.
   label["plaintext"] = "Keep-alive, 64 connections"
   label["pipeline"] = "Pipelined 16 deep"
   label["c1000"] = "Keep-alive, 1,000 connections"
   label["connect"] = "A connection for each request"
   label["idle"] = "Idle connection"
   label["workers2"] = "Two workers"
   label["tls"] = "TLS, 64 connections"
   label["tls_full"] = "TLS, a full handshake a request"
   label["tls_resumed"] = "TLS, a resumed one a request"
   label["tls_1m"] = "TLS, a file of 1 MiB"
   label["tls_idle"] = "TLS, idle connection"
   label["file_1k"] = "A file of 1 KiB"
   label["file_16k"] = "A file of 16 KiB"
   label["file_1m"] = "A file of 1 MiB"
   label["files_10k"] = "10,000 files of 4 KiB"
   label["not_modified"] = "304 Not Modified"
   label["gzip_off"] = "gzip, 16 KiB of HTML, no cache"
   label["gzip_on"] = "gzip, 16 KiB of HTML, cached"
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
      draw_panel(panel[p], margin + ((p - 1) % columns) * panel_width,
         top + int((p - 1) / columns) * panel_height)
   print "</svg>"
}

function open_svg() {
   printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\"", width, height
   printf " width=\"%d\" height=\"%d\" role=\"img\" aria-labelledby=\"title subtitle\">\n",
      width, height
   print "<style>"
   print "svg { --page: #ffffff; --ink: #1c2530; --soft: #5b6775; --line: #dfe4ea;" \
      " --tidegate: #0b72b9; --nginx: #d9822b; --nginx_nosendfile: #eeb77e; --h2o: #7a5ea8;" \
      " --floor: #9aa5b1; }"
   print "@media (prefers-color-scheme: dark) {" \
      " svg { --page: #12181f; --ink: #e8edf2; --soft: #9fabb8; --line: #2b3641;" \
      " --tidegate: #4aa8ea; --nginx: #eba35b; --nginx_nosendfile: #96683a; --h2o: #ab93d6;" \
      " --floor: #6d7986; } }"
   print "text { font-family: system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif;" \
      " font-size: 12px; fill: var(--soft); }"
   print ".title { font-size: 19px; font-weight: 600; fill: var(--ink); }"
   print ".case { font-size: 14px; font-weight: 600; fill: var(--ink); }"
   print ".value { fill: var(--ink); font-weight: 600; text-anchor: middle; }"
   print ".name { text-anchor: middle; }"
   print ".tick { font-size: 11px; text-anchor: end; }"
   print ".line { stroke: var(--line); stroke-width: 1; }"
   print ".base { stroke: var(--soft); stroke-width: 1; }"
   print ".page { fill: var(--page); }"
   for (s = 1; s <= server_count; s++)
      printf ".%s { fill: var(--%s); }\n", servers[s], servers[s]
   print "</style>"
   printf "<rect class=\"page\" width=\"%d\" height=\"%d\" rx=\"10\"/>\n", width, height
   printf "<text class=\"title\" id=\"title\" x=\"%d\" y=\"38\">" \
      "CPU time of the server per request%s</text>\n",
      margin, memory ? ", memory of an idle connection" : ""
   printf "<text id=\"subtitle\" x=\"%d\" y=\"60\">Medians of the rounds; CPU time is user and" \
      " system. Lower is better; each case has its own scale.</text>\n", margin
}

function draw_panel(name, x, y,    metric, unit, most, s, v, drawn, slot, left, base) {
   metric = has(name, "cpu_us_per_request") ? "cpu_us_per_request" : "idle_bytes"
   unit = metric == "idle_bytes" ? "bytes of memory a connection" : "µs a request"
   for (s = 1; s <= server_count; s++) {
      v = median(name, servers[s], metric)
      if (v == "") continue
      drawn++
      if (v > most) most = v
   }
   base = y + plot_top + plot_height
   printf "<text class=\"case\" x=\"%d\" y=\"%d\">%s</text>\n", x, y + 14,
      name in label ? label[name] : name
   printf "<text x=\"%d\" y=\"%d\">%s</text>\n", x, y + 30, unit
   draw_scale(x, base, most)
   slot = (panel_width - gap - plot_left) / drawn
   left = x + plot_left
   for (s = 1; s <= server_count; s++) {
      v = median(name, servers[s], metric)
      if (v == "") continue
      draw_bar(name, servers[s], v, unit, left, slot, base, v > 0 ? plot_height * v / most : 0)
      left += slot
   }
   printf "<line class=\"base\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n",
      x + plot_left, x + panel_width - gap, base, base
}

# One step more than the highest bar needs would waste room: the scale ends at that bar.
function draw_scale(x, base, most,    step, tick, h) {
   step = tick_step(most)
   for (tick = 0; tick * step <= most; tick++) {
      h = base - plot_height * tick * step / most
      if (tick > 0)
         printf "<line class=\"line\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
            x + plot_left, x + panel_width - gap, h, h
      printf "<text class=\"tick\" x=\"%d\" y=\"%.1f\">%s</text>\n",
         x + plot_left - 6, h + 4, tick * step
   }
}

# The bar of one server in the middle of its slot, with its figure above and its name below.
function draw_bar(name, server, v, unit, left, slot, base, h,    bar, middle, words) {
   bar = slot * 0.62 > 52 ? 52 : slot * 0.62
   middle = left + slot / 2
   printf "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">",
      server, middle - bar / 2, base - h, bar, h
   printf "<title>%s, %s: %s %s</title></rect>\n", name, server, figure(v), unit
   printf "<text class=\"value\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", middle, base - h - 5, figure(v)
   # nginx_nosendfile is too wide for one line.
   split(server, words, "_")
   printf "<text class=\"name\" x=\"%.1f\" y=\"%d\">%s</text>\n", middle, base + 17, words[1]
   if (words[2] != "")
      printf "<text class=\"name\" x=\"%.1f\" y=\"%d\">%s</text>\n", middle, base + 31,
         words[2] == "nosendfile" ? "no sendfile" : words[2]
}

function has(name, metric,    s) {
   for (s = 1; s <= server_count; s++) if (median(name, servers[s], metric) != "") return 1
   return 0
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

function figure(v) {
   return sprintf(v < 1 ? "%.2f" : v < 100 ? "%.1f" : "%.0f", v)
}
