# The report: compare.md and compare.svg from compare.csv. Sourced by compare.sh.

report() {
  {
    echo '# Comparison'
    echo
    describe
    echo
    awk -v order="${servers[*]}" -v every_round="${every_round[*]}" \
      -f "$parts/median.awk" -f "$parts/table.awk" "$out/compare.csv"
    if contains workers2 "${cases[@]}" && shares_load "$second_cpu"; then
      echo "- workers2: the second worker shared core $second_cpu with the load:" \
        'no scaling shows here.'
    fi
  } | tee "$out/compare.md"
  awk -v order="${servers[*]}" -f "$parts/median.awk" -f "$parts/chart.awk" \
    "$out/compare.csv" >"$out/compare.svg"
  say "written: $out/compare.csv, compare.md, compare.svg"
}

describe() {
  local model tidegate=
  model=$(awk -F ': *' '/^model name/ { print $2; exit }' /proc/cpuinfo)
  echo "- Machine: ${model:-$(uname -m)}, $(nproc --all) cores, $(uname -sr)"
  echo "- Server on core $server_cpu, load on $load_cpus ($threads wrk thread(s));" \
    "$rounds round(s) of $seconds s"
  if contains tidegate "${servers[@]}"; then
    tidegate=$("$tidegate_bin" --version 2>/dev/null | head -n 1) || true
    echo "- ${tidegate:-tidegate (no version)}," \
      "commit $(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)"
  fi
  if uses_nginx; then echo "- $("$nginx_bin" -v 2>&1)"; fi
  if contains h2o "${servers[@]}"; then echo "- $("$h2o_bin" --version | head -n 1)"; fi
  echo "- $("$wrk_bin" -v 2>&1 | awk 'NR == 1 { print $1, $2 }')"
  echo "- $(date -u '+%Y-%m-%d %H:%M UTC'): \`benches/compare.sh${arguments:+ $arguments}\`"
}
