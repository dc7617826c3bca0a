# The tables of compare.md from compare.csv, run with median.awk before it.

END {
   loads()
   idle()
   storms()
   notes()
}

function loads(    c, s, rows) {
   for (c = 1; c <= case_count; c++) {
      for (s = 1; s <= server_count; s++) {
         if (median(cases[c], servers[s], "cpu_us_per_request") == "") continue
         if (!rows++) {
            print "| case | server | requests/s | CPU µs/request | lowest–highest | ÷ nginx | ÷ floor | p50 µs | p99 µs | memory MiB | core busy | resumed |"
            print "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
         }
         load_row(cases[c], servers[s])
      }
   }
   if (rows) print ""
}

function load_row(c, s,    cpu) {
   cpu = "cpu_us_per_request"
   printf "| %s | %s | %s | %s | %s–%s | %s | %s | %s | %s | %.1f | %.0f %% | %s |\n", c, s,
      thousands(median(c, s, "requests_per_s")), micros(median(c, s, cpu)),
      micros(smallest(c, s, cpu)), micros(largest(c, s, cpu)),
      ratio(c, s, "nginx", cpu), ratio(c, s, "floor", cpu),
      thousands(median(c, s, "p50_us")), thousands(median(c, s, "p99_us")),
      median(c, s, "pss_kib") / 1024, median(c, s, "core_percent"),
      percent(median(c, s, "resumed_percent"))
}

function idle(    c, s, rows) {
   for (c = 1; c <= case_count; c++) {
      for (s = 1; s <= server_count; s++) {
         if (median(cases[c], servers[s], "idle_bytes") == "") continue
         if (!rows++) {
            print "| case | server | memory after start MiB | bytes a connection | lowest–highest | ÷ nginx |"
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
function notes(    c, s, one, two, busy, disturbed, most) {
   for (c = 1; c <= case_count; c++) {
      for (s = 1; s <= server_count; s++) {
         if (median(cases[c], servers[s], "errors") != "" && largest(cases[c], servers[s], "errors") > 0)
            printf "- %s, %s: wrk counted up to %d errors in a round.\n", cases[c], servers[s],
               largest(cases[c], servers[s], "errors")
         busy = median(cases[c], servers[s], "others_percent")
         if (busy <= 5) continue
         disturbed = disturbed (disturbed == "" ? "" : ", ") cases[c] " " servers[s]
         if (busy > most) most = busy
      }
   }
   if (disturbed != "")
      printf "- **Disturbed**: other programs took up to %.0f %% of the server's core, so these rows prove little: %s.\n",
         most, disturbed
   for (s = 1; s <= server_count; s++) {
      one = median("plaintext", servers[s], "requests_per_s")
      two = median("workers2", servers[s], "requests_per_s")
      if (one != "" && two != "")
         printf "- %s: two workers serve %.2f × the requests/s of one (where wrk and the cores permit).\n",
            servers[s], two / one
   }
}

function ratio(c, s, base, name,    other) {
   other = median(c, base, name)
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
