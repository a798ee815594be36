-- Keys and values for the load scripts, for wrk and wrk2 alike.
--
-- Arguments, after `--`:   [keys] [value-bytes] [distribution] [query]
--   keys          size of the key space (default 100000); keys are k000000 to k099999 and so on
--   value-bytes   size of each value written (default 64)
--   distribution  uniform (default) | sequential | zipfian (exponent 0.99, key 0 the most popular)
--   query         appended to each URL, for example "ack=3&from=3"
--
-- Each wrk thread is its own Lua state: `setup` numbers the threads, so that they draw different keys. wrk checks
-- nothing but statuses; it reports answers other than 2xx and 3xx itself.

local keyspace = {}

local thread_count = 0

function setup(thread)
  thread:set("thread_number", thread_count)
  thread_count = thread_count + 1
end

-- Zipfian ranks by inverting the integral of x^-s: rank 0 is the most popular (Gray et al., SIGMOD 1994, section 3.2,
-- draw exactly; the integral is within a few percent of it past the first ranks, and costs two powers a draw).
local function zipfian(keys)
  local exponent = 1 - 0.99
  local top = (keys + 1) ^ exponent - 1
  return function()
    return math.floor((math.random() * top + 1) ^ (1 / exponent)) - 1
  end
end

local function sequential(keys)
  local next_key = -1
  return function()
    next_key = (next_key + 1) % keys
    return next_key
  end
end

local function uniform(keys)
  return function()
    return math.random(0, keys - 1)
  end
end

local distributions = { uniform = uniform, sequential = sequential, zipfian = zipfian }

-- Reads the arguments; returns a function that draws the next path, a value and a function that draws from [0, 1).
function keyspace.open(args)
  local keys = tonumber(args[1] or 100000)
  local value_bytes = tonumber(args[2] or 64)
  local name = args[3] or "uniform"
  local query = args[4] or ""
  if keys == nil or keys < 1 then error("keys must be a whole number from 1, not " .. tostring(args[1])) end
  if value_bytes == nil or value_bytes < 0 then error("value-bytes must be 0 or more, not " .. tostring(args[2])) end
  if distributions[name] == nil then error("distribution must be uniform, sequential or zipfian, not " .. name) end
  math.randomseed(os.time() * 1000 + (thread_number or 0) * 7919)
  local draw = distributions[name](keys)
  local format = "/v0/entity?id=k%0" .. math.max(6, #tostring(keys - 1)) .. "d"
  if query ~= "" then format = format .. "&" .. query:gsub("%%", "%%%%") end
  local next_path = function()
    return string.format(format, math.min(draw(), keys - 1))
  end
  return next_path, string.rep("v", value_bytes)
end

return keyspace
