-- Ranges over a key space that put.lua has filled; see keyspace.lua for the keys.
--   wrk -t 2 -c 4 -d 10s --latency -s scripts/range.lua http://localhost:8080 -- 100000 100 "cluster=1"
--
-- Arguments, after `--`:   [keys] [limit] [query] [distribution]
--   keys          size of the key space (default 100000)
--   limit         records a range (default 100)
--   query         appended to each URL, for example "cluster=1" or "keys=1"
--   distribution  of the keys at which ranges start: uniform (default) | sequential | zipfian | latest
--
-- scripts/range-bench.mjs measures whole scans in records a second; this one measures many short ranges.
local folder = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local keyspace = dofile(folder .. "keyspace.lua")

local draw, format

function init(args)
  local keys = tonumber(args[1] or 100000)
  local limit = tonumber(args[2] or 100)
  local query = args[3] or ""
  if keys == nil or keys < 1 then error("keys must be a whole number from 1, not " .. tostring(args[1])) end
  if limit == nil or limit < 1 then error("limit must be a whole number from 1, not " .. tostring(args[2])) end
  draw = keyspace.picker(args[4] or "uniform", keys)
  format = "/v0/entities?start=k%0" .. math.max(6, #string.format("%d", keys - 1)) .. "d&limit=" .. limit
  if query ~= "" then format = format .. "&" .. query:gsub("%%", "%%%%") end
end

function request()
  return wrk.format("GET", string.format(format, draw()))
end
