-- Ranges over a key space that put.lua has filled; see keyspace.lua for the keys.
--   wrk -t 2 -c 4 -d 10s --latency -s scripts/range.lua http://localhost:8080 -- 100000 100 "cluster=1"
--
-- Arguments, after `--`:   [keys] [limit] [query]
--   keys   size of the key space (default 100000)
--   limit  records a range (default 100); each range starts at a random key
--   query  appended to each URL, for example "cluster=1" or "keys=1"
--
-- scripts/range-bench.mjs measures whole scans in records a second; this one measures many short ranges.
local keys, limit, query, format

function init(args)
  keys = tonumber(args[1] or 100000)
  limit = tonumber(args[2] or 100)
  query = args[3] or ""
  if keys == nil or keys < 1 then error("keys must be a whole number from 1, not " .. tostring(args[1])) end
  if limit == nil or limit < 1 then error("limit must be a whole number from 1, not " .. tostring(args[2])) end
  math.randomseed(os.time())
  format = "/v0/entities?start=k%0" .. math.max(6, #tostring(keys - 1)) .. "d&limit=" .. limit
  if query ~= "" then format = format .. "&" .. query:gsub("%%", "%%%%") end
end

function request()
  return wrk.format("GET", string.format(format, math.random(0, keys - 1)))
end
