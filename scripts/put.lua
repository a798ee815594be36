-- PUTs over a key space; see keyspace.lua for the arguments.
--   wrk  -t 2 -c 64 -d 10s --latency -s scripts/put.lua http://localhost:8080 -- 100000 64
--   wrk2 -t 8 -c 64 -d 3m -R 6000 --latency -s scripts/put.lua http://localhost:8080 -- 100000 64
local folder = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local keyspace = dofile(folder .. "keyspace.lua")

local next_path, value

function init(args)
  next_path, value = keyspace.open(args)
end

function request()
  return wrk.format("PUT", next_path(), nil, value)
end
