-- GETs and PUTs by chance over a key space, half and half if not told otherwise; see keyspace.lua for the arguments.
--   wrk  -t 2 -c 64 -d 10s --latency -s scripts/mixed.lua http://localhost:8080 -- 100000 64
--   wrk2 -t 8 -c 64 -d 3m -R 6000 --latency -s scripts/mixed.lua http://localhost:8080 -- 100000 64
local folder = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local keyspace = dofile(folder .. "keyspace.lua")

local next_path, value, read_share

function init(args)
  next_path, value, read_share = keyspace.open(args)
end

function request()
  if math.random() < read_share then return wrk.format("GET", next_path()) end
  return wrk.format("PUT", next_path(true), nil, value)
end
