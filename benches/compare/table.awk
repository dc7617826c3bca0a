# The tables of compare.md from compare.csv, run with median.awk before it. Cases named in the
# variable `every_round` (a space between) have a table with the figures of all rounds.

BEGIN {
   cpu = "cpu_us_per_request"
   # What Tidegate sets out for: CPU time by that of another server, at most.
   goal["file_1k", "nginx"] = 0.68
   goal["file_1k", "floor"] = 1.08
   goal["file_16k", "nginx"] = 0.85
   goal["file_16k", "floor"] = 1.08
   goal["file_1m", "nginx"] = 0.75
   goal["file_1m", "h2o"] = 1.05
   goal["files_10k", "nginx"] = 0.75
   goal["not_modified", "nginx"] = 0.80
   goal["gzip_off", "nginx"] = 0.90
   goal["gzip_on", "nginx"] = 0.20
}

END {
   loads()
   every()
   goals()
   idle()
   storms()
   notes()
}

function loads(    c, s, rows) {
   for (c = 1; c <= case_count; c++) {
      for (s = 1; s <= server_count; s++) {
         has_h2o = has_h2o || median(cases[c], "h2o", cpu) != ""
         has_resumed = has_resumed || median(cases[c], servers[s], "resumed_percent") != ""
      }
   }
   for (c = 1; c <= case_count; c++) {
      for (s = 1; s <= server_count; s++) {
         if (median(cases[c], servers[s], cpu) == "") continue
         if (!rows++) {
            print "| case | server | requests/s | CPU µs/request | lowest–highest | ÷ nginx |" \
               (has_h2o ? " ÷ h2o |" : "") " ÷ floor | p50 µs | p99 µs | memory MiB | core busy |" \
               (has_resumed ? " resumed |" : "")
            print "|---|---|--:|--:|--:|--:|" (has_h2o ? "--:|" : "") "--:|--:|--:|--:|--:|" \
               (has_resumed ? "--:|" : "")
         }
         load_row(cases[c], servers[s])
      }
   }
   if (rows) print ""
}

function load_row(c, s) {
   printf "| %s | %s | %s | %s | %s–%s | %s |", c, s,
      thousands(median(c, s, "requests_per_s")), micros(median(c, s, cpu)),
      micros(smallest(c, s, cpu)), micros(largest(c, s, cpu)), ratio(c, s, "nginx", cpu)
   if (has_h2o) printf " %s |", ratio(c, s, "h2o", cpu)
   printf " %s | %s | %s | %.1f | %.0f %% |", ratio(c, s, "floor", cpu),
      thousands(median(c, s, "p50_us")), thousands(median(c, s, "p99_us")),
      median(c, s, "pss_kib") / 1024, median(c, s, "core_percent")
   if (has_resumed) printf " %s |", percent(median(c, s, "resumed_percent"))
   print ""
}

# Where a median hides much.
function every(    names, n, i, s, r, v, rows) {
   n = split(every_round, names, " ")
   for (i = 1; i <= n; i++) {
      for (s = 1; s <= server_count; s++) {
         if (median(names[i], servers[s], cpu) == "") continue
         if (!rows++) {
            printf "| case, CPU µs/request | server | median |"
            for (r = 1; r <= rounds; r++) printf " round %d |", r
            printf "\n|---|---|--:|"
            for (r = 1; r <= rounds; r++) printf "--:|"
            print ""
         }
         printf "| %s | %s | %s |", names[i], servers[s], micros(median(names[i], servers[s], cpu))
         for (r = 1; r <= rounds; r++) {
            v = of_round(names[i], servers[s], cpu, r)
            printf " %s |", v == "" ? "–" : micros(v)
         }
         print ""
      }
   }
   if (rows) print ""
}

function goals(    c, s, measured, missed, rows) {
   for (c = 1; c <= case_count; c++) {
      for (s = 1; s <= server_count; s++) {
         if (!((cases[c], servers[s]) in goal)) continue
         measured = ratio(cases[c], "tidegate", servers[s], cpu)
         if (measured == "–") continue
         if (!rows++) {
            print "| case | Tidegate ÷ | goal | measured |"
            print "|---|---|--:|--:|"
         }
         missed = measured + 0 > goal[cases[c], servers[s]]
         printf "| %s | %s | %.2f | %s |\n", cases[c], servers[s], goal[cases[c], servers[s]],
            missed ? "**" measured "** (missed)" : measured
      }
   }
   if (rows) print ""
}

function idle(    c, s, rows) {
   for (c = 1; c <= case_count; c++) {
      for (s = 1; s <= server_count; s++) {
         if (median(cases[c], servers[s], "idle_bytes") == "") continue
         if (!rows++) {
            print "| case | server | memory after start MiB | bytes a connection |" \
               " lowest–highest | ÷ nginx |"
            print "|---|---|--:|--:|--:|--:|"
         }
         printf "| %s | %s | %.1f | %s | %s–%s | %s |\n", cases[c], servers[s],
            median(cases[c], servers[s], "pss_kib") / 1024,
            thousands(median(cases[c], servers[s], "idle_bytes")),
            thousands(smallest(cases[c], servers[s], "idle_bytes")),
            thousands(largest(cases[c], servers[s], "idle_bytes")),
            ratio(cases[c], servers[s], "nginx", "idle_bytes")
      }
   }
   if (rows) print ""
}

function storms(    c, s, rows) {
   for (c = 1; c <= case_count; c++) {
      for (s = 1; s <= server_count; s++) {
         if (median(cases[c], servers[s], "handshakes_ms") == "") continue
         if (!rows++) {
            print "| case | server | p50 µs | p99 µs | lowest–highest p99 | all handshakes ms |"
            print "|---|---|--:|--:|--:|--:|"
         }
         printf "| %s | %s | %s | %s | %s–%s | %s |\n", cases[c], servers[s],
            thousands(median(cases[c], servers[s], "p50_us")),
            thousands(median(cases[c], servers[s], "p99_us")),
            thousands(smallest(cases[c], servers[s], "p99_us")),
            thousands(largest(cases[c], servers[s], "p99_us")),
            thousands(median(cases[c], servers[s], "handshakes_ms"))
      }
   }
   if (rows) print ""
}

# What the reader must know before believing a figure.
function notes(    c, s, errors, one, two, busy, disturbed, most) {
   for (c = 1; c <= case_count; c++) {
      for (s = 1; s <= server_count; s++) {
         errors = largest(cases[c], servers[s], "errors")
         if (errors > 0)
            printf "- %s, %s: wrk counted up to %d errors in a round.\n", cases[c], servers[s],
               errors
         busy = median(cases[c], servers[s], "others_percent")
         if (busy <= 5) continue
         disturbed = disturbed (disturbed == "" ? "" : ", ") cases[c] " " servers[s]
         if (busy > most) most = busy
      }
   }
   if (disturbed != "")
      printf "- **Disturbed**: other programs took up to %.0f %% of the server's core, so these" \
         " rows prove little: %s.\n", most, disturbed
   for (s = 1; s <= server_count; s++) {
      one = median("plaintext", servers[s], "requests_per_s")
      two = median("workers2", servers[s], "requests_per_s")
      if (one != "" && two != "")
         printf "- %s: two workers serve %.2f × the requests/s of one" \
            " (where wrk and the cores permit).\n", servers[s], two / one
   }
}

# nginx is the better of the two where it runs with sendfile and without.
function ratio(c, s, base, name,    other, second) {
   other = median(c, base, name)
   second = base == "nginx" ? median(c, "nginx_nosendfile", name) : ""
   if (second != "" && second < other) other = second
   if (median(c, s, name) == "") return "–"
   return other > 0 ? sprintf("%.2f", median(c, s, name) / other) : "–"
}

function percent(n) {
   return n == "" ? "–" : n " %"
}

function micros(us) {
   return sprintf(us < 1 ? "%.3f" : us < 100 ? "%.2f" : "%.0f", us)
}

function thousands(n,    text) {
   if (n == "") return "–"
   text = sprintf("%.0f", n)
   while (match(text, /^-?[0-9]+[0-9][0-9][0-9]($|,)/)) {
      n = match(text, /,/) ? RSTART : length(text) + 1
      text = substr(text, 1, n - 4) "," substr(text, n - 3)
   }
   return text
}
