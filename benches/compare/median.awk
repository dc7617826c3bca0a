# Shared by table.awk and chart.awk: reads compare.csv and knows the median of every round.
#   cases[1..case_count]       in the order of the first round
#   servers[1..server_count]   in the order of the variable `order`, words with a space between
#   median(case, server, column), smallest(...), largest(...)   "" where nothing was measured
#   of_round(case, server, column, round), rounds               the same

BEGIN {
   FS = ","
   server_count = split(order, servers, " ")
}

NR == 1 {
   for (i = 1; i <= NF; i++) column[i] = $i
   next
}

{
   if (!($1 in case_seen)) { case_seen[$1] = 1; cases[++case_count] = $1 }
   if ($3 > rounds) rounds = $3 + 0
   for (i = 4; i <= NF; i++) {
      if ($i == "") continue
      in_round[$1, $2, column[i], $3 + 0] = $i + 0
      # Kept in ascending order, so that the median is the middle.
      key = $1 SUBSEP $2 SUBSEP column[i]
      for (j = ++count[key]; j > 1 && value[key, j - 1] > $i + 0; j--)
         value[key, j] = value[key, j - 1]
      value[key, j] = $i + 0
   }
}

function median(case_, server, name,    key, n, half) {
   key = case_ SUBSEP server SUBSEP name
   n = count[key]
   if (!n) return ""
   half = int((n + 1) / 2)
   return n % 2 ? value[key, half] : (value[key, half] + value[key, half + 1]) / 2
}

function smallest(case_, server, name) {
   return value[case_ SUBSEP server SUBSEP name, 1]
}

function largest(case_, server, name,    key) {
   key = case_ SUBSEP server SUBSEP name
   return value[key, count[key]]
}

function of_round(case_, server, name, round,    key) {
   key = case_ SUBSEP server SUBSEP name SUBSEP round
   return key in in_round ? in_round[key] : ""
}
