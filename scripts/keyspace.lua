-- Keys and values for the load scripts, for wrk and wrk2 alike.
--
-- Arguments, after `--`:   [keys] [value-bytes] [distribution] [query] [read-share] [seed]
--   keys          size of the key space (default 100000); keys are k000000 to k099999 and so on
--   value-bytes   size of each value written (default 64)
--   distribution  uniform (default) | sequential | zipfian (exponent 0.99, scrambled) | latest (zipfian by age)
--   query         appended to each URL, for example "ack=3&from=3"
--   read-share    share of GETs in mixed.lua, 0 to 1 (default 0.5)
--   seed          a whole number; the same one draws the same keys (default: by the clock)
--
-- Each wrk thread is its own Lua state: `setup` numbers the threads, so that they draw different keys. wrk checks
-- nothing but statuses; it reports answers other than 2xx and 3xx itself. With KVORUM_STATUSES_AFTER_MS in the
-- environment, answers are counted by status from that many milliseconds after a thread's first request on (wrk2 throws
-- away what it measured in its first 10 s), and the counts are printed at the end. That costs a call for each answer.

local keyspace = {}

local threads = {}

function setup(thread)
  thread:set("thread_number", #threads)
  table.insert(threads, thread)
end

-- The sum of i^-0.99 for i from 1 to n; past 100,000 by its integral.
local function harmonic(n)
  local sum, exact = 0, math.min(n, 100000)
  for i = 1, exact do
    sum = sum + i ^ -0.99
  end
  if n == exact then return sum end
  return sum + (n ^ 0.01 - exact ^ 0.01) / 0.01 + (n ^ -0.99 - exact ^ -0.99) / 2
end

-- Ranks from 0, the most popular: YCSB's zipfian, drawn as Gray et al. do (SIGMOD 1994, section 3.2). The same as in
-- profiling/load/keys.ts.
local function zipfian_ranks(keys)
  local zeta, zeta_of_two = harmonic(keys), harmonic(2)
  local eta = (1 - (2 / keys) ^ 0.01) / (1 - zeta_of_two / zeta)
  return function()
    local drawn = math.random()
    if drawn * zeta < 1 then return 0 end
    if drawn * zeta < zeta_of_two then return math.min(1, keys - 1) end
    return math.min(keys - 1, math.floor(keys * (eta * drawn - eta + 1) ^ 100))
  end
end

-- T. Wang's hash of 32 bits: spreads the popular keys over the key space, as profiling/load/keys.ts does.
local function scramble(rank)
  local tobit, lshift, rshift, bxor = bit.tobit, bit.lshift, bit.rshift, bit.bxor
  local hash = tobit(bit.bnot(rank) + lshift(rank, 15))
  hash = bxor(hash, rshift(hash, 12))
  hash = tobit(hash + lshift(hash, 2))
  hash = bxor(hash, rshift(hash, 4))
  hash = tobit(hash + lshift(hash, 3) + lshift(hash, 11))
  hash = bxor(hash, rshift(hash, 16))
  return hash < 0 and hash + 4294967296 or hash
end

local function zipfian(keys)
  local rank = zipfian_ranks(keys)
  return function()
    return scramble(rank()) % keys
  end
end

-- PUTs of mixed.lua write the next key; the others find keys - 1 the newest. Each thread has its own newest key.
local function latest(keys)
  local age, newest = zipfian_ranks(keys), keys - 1
  return function(is_new)
    if is_new then
      newest = (newest + 1) % keys
      return newest
    end
    return (newest - age()) % keys
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

local distributions = { uniform = uniform, sequential = sequential, zipfian = zipfian, latest = latest }

local function number(args, index, default, low, what)
  local value = tonumber(args[index] or default)
  if value == nil or value < low then error(what .. ", not " .. tostring(args[index])) end
  return value
end

-- A function that draws keys by a distribution's name.
function keyspace.picker(name, keys, seed)
  if distributions[name] == nil then
    error("distribution must be uniform, sequential, zipfian or latest, not " .. name)
  end
  math.randomseed((seed or os.time() * 1000) + (thread_number or 0) * 7919)
  return distributions[name](keys)
end

-- Reads the arguments; returns a function that draws the next path, a value, and the share of reads.
function keyspace.open(args)
  local keys = number(args, 1, 100000, 1, "keys must be a whole number from 1")
  local value_bytes = number(args, 2, 64, 0, "value-bytes must be 0 or more")
  local name = args[3] or "uniform"
  local query = args[4] or ""
  local read_share = number(args, 5, 0.5, 0, "read-share must be a number from 0 to 1")
  local seed = number(args, 6, os.time() * 1000, 0, "seed must be a whole number")
  if read_share > 1 then error("read-share must be a number from 0 to 1, not " .. tostring(args[5])) end
  local draw = keyspace.picker(name, keys, seed)
  local format = "/v0/entity?id=k%0" .. math.max(6, #string.format("%d", keys - 1)) .. "d"
  if query ~= "" then format = format .. "&" .. query:gsub("%%", "%%%%") end
  local next_path = function(is_new)
    return string.format(format, math.min(draw(is_new), keys - 1))
  end
  return next_path, string.rep("v", value_bytes), read_share
end

local statuses_after_ms = tonumber(os.getenv("KVORUM_STATUSES_AFTER_MS") or "")

if statuses_after_ms ~= nil then
  -- wrk2 has a clock in microseconds, wrk has none.
  local now = wrk.time_us or function() return os.time() * 1000000 end
  local from
  -- Globals of plain values: wrk2 swaps keys and values of a table that it hands to done().
  status_names = ""

  function response(status)
    if from == nil then from = now() + statuses_after_ms * 1000 end
    if now() < from then return end
    local name = "status_" .. status
    if _G[name] == nil then status_names = status_names .. status .. " " end
    _G[name] = (_G[name] or 0) + 1
  end

  function done()
    local total = {}
    for _, thread in ipairs(threads) do
      for name in thread:get("status_names"):gmatch("%d+") do
        total[name] = (total[name] or 0) + thread:get("status_" .. name)
      end
    end
    local parts = {}
    for name, count in pairs(total) do
      table.insert(parts, name .. "=" .. string.format("%d", count))
    end
    table.sort(parts)
    print("kvorum-statuses " .. table.concat(parts, " "))
  end
end

return keyspace
