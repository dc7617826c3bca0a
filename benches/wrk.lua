-- The script of every load of compare.sh: sends PIPELINE requests at once (default 1) and prints
-- what was measured on one line that a program can read:
--   MEASURED requests duration_us p50_us p99_us connect read write status timeout
-- (the last five count errors).

local depth = tonumber(os.getenv("PIPELINE") or "1")

if depth > 1 then
   local batch
   function init()
      batch = string.rep(wrk.format(), depth)
   end
   function request()
      return batch
   end
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format("MEASURED %d %d %d %d %d %d %d %d %d\n",
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
