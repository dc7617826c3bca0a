-- The script of every load of compare.sh: sends PIPELINE requests at once (default 1), or asks for
-- one of FILES files /many/NNNN.bin at random, and prints what was measured on one line that a
-- program can read:
--   MEASURED requests bytes duration_us p50_us p99_us connect read write status timeout
-- (the last five count errors).

local depth = tonumber(os.getenv("PIPELINE") or "") or 1
local files = tonumber(os.getenv("FILES") or "") or 0
local threads = 0

-- The threads of wrk ask for different files, in the same order with each server.
function setup(thread)
   threads = threads + 1
   thread:set("seed", threads)
end

if files > 0 then
   local requests = {}
   local random = math.random
   function init()
      math.randomseed(seed)
      for i = 1, files do
         requests[i] = wrk.format(nil, string.format("/many/%04d.bin", i - 1))
      end
   end
   function request()
      return requests[random(files)]
   end
elseif depth > 1 then
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
   io.write(string.format("MEASURED %d %.0f %d %d %d %d %d %d %d %d\n",
      summary.requests, summary.bytes, summary.duration,
      latency:percentile(50), latency:percentile(99),
      errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
