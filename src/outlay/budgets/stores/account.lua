-- One account's bookkeeping, as outlay/budgets/book.py has it: a test puts both through the same steps.
-- KEYS: account, what is declared of its budget, the account's entries, the account of the window before, the budget's accounts,
-- the account's leases that were forgotten, and the calls that may be told of again.
-- ARGV: "step" or "recover", and what that takes as JSON. Amounts are nano-USD, exact up to 2^53; times are milliseconds.

local GRACE, UNCONFIRMED, DECLARED, FRESH, DAY, SUSPENDED, SLOTS, KEPT, CLOSED, REMEMBERED =
    1000, 60000, 120000, 10000, 86400000, 30 * 86400000, 60, 400 * 86400000, 2 ^ 52, 600000
local verb, given = ARGV[1], cjson.decode(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function all(key)
    local flat, found = redis.call('HGETALL', key), {}
    for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
    return found
end

local function whole(number) return string.format('%.0f', number) end

local state = all(KEYS[1])
local function get(name) return tonumber(state[name] or 0) end
local function put(name, number)
    state[name] = whole(number)
    redis.call('HSET', KEYS[1], name, state[name])
end
local function drop(name)
    state[name] = nil
    redis.call('HDEL', KEYS[1], name)
end

local function note(id, kind, settled, leased, slot)
    if settled == 0 and leased == 0 then return end
    put('settled', get('settled') + settled)
    put('leased', get('leased') + leased)
    if settled ~= 0 and slot then put('d:' .. whole(slot), get('d:' .. whole(slot)) + settled) end
    redis.call('XADD', KEYS[3], '*', 'id', id, 'kind', kind, 'settled', whole(settled), 'leased', whole(leased),
        'at', whole(now))
end

local FIELDS = { 'hold', 'reported', 'seq', 'expires', 'suspense', 'slot', 'flight', 'risk' }
local leases = {}
for name, text in pairs(state) do
    if string.sub(name, 1, 2) == 'l:' then
        local lease, i = {}, 0
        for part in string.gmatch(text, '[^ ]+') do
            i = i + 1
            lease[FIELDS[i]] = tonumber(part)
        end
        leases[string.sub(name, 3)] = lease
    end
end
local function keep(id, lease)
    local parts = {}
    for i, name in ipairs(FIELDS) do parts[i] = whole(lease[name]) end
    leases[id] = lease
    redis.call('HSET', KEYS[1], 'l:' .. id, table.concat(parts, ' '))
end
local function forget(id)
    redis.call('HSET', KEYS[6], id, whole(leases[id].reported + leases[id].suspense))
    leases[id] = nil
    redis.call('HDEL', KEYS[1], 'l:' .. id)
end
local function counted(id) return tonumber(redis.call('HGET', KEYS[6], id) or 0) end

local function bury(id, reported, slot)
    keep(id, { hold = 0, reported = reported, seq = CLOSED, expires = now - DAY + REMEMBERED, suspense = 0, slot = slot,
        flight = 0, risk = 0 })
    return leases[id]
end

-- Since when calls are counted by a budget of this shape.
local function counting()
    local name = 's:' .. given.shape
    redis.call('HSETNX', KEYS[2], name, whole(math.min(given.began, now)))
    return tonumber(redis.call('HGET', KEYS[2], name))
end

local function touch()
    if not state.at then redis.call('SADD', KEYS[5], KEYS[1]) end
    put('at', now)
end

local function lasts()
    local keys = { KEYS[1], KEYS[3], KEYS[6] }
    if given['end'] and given['end'] ~= cjson.null then
        put('end', given['end'])
        for _, key in ipairs(keys) do redis.call('PEXPIREAT', key, whole(given['end'] + KEPT)) end
    elseif string.sub(given.account.window, 1, 4) == 'run:' then
        for _, key in ipairs(keys) do redis.call('PEXPIRE', key, whole(SUSPENDED)) end
    end
end

local function revive(id, lease)
    local held = lease.suspense
    lease.suspense = 0
    if held > 0 and state['d:' .. whole(lease.slot)] then
        lease.hold = lease.hold + held
        note(id .. ':' .. whole(lease.seq) .. ':revived', 'revived', -held, held, lease.slot)
    end
end

local function expire(slot)
    for id, lease in pairs(leases) do
        if lease.hold <= 0 and now > lease.expires + (lease.suspense > 0 and SUSPENDED or DAY) then
            forget(id)
        elseif lease.hold > 0 and now > lease.expires then
            local held = lease.hold
            lease.hold, lease.suspense, lease.slot, lease.flight, lease.risk = 0, held, slot, 0, 0
            note(id .. ':' .. whole(lease.seq) .. ':suspense', 'suspense', held, -held, slot)
            keep(id, lease)
        end
    end
end

local function leave(oldest)
    for name, amount in pairs(state) do
        local slot = string.match(name, '^d:(%-?%d+)$')
        if slot and tonumber(slot) < oldest then
            drop(name)
            if get('opening') > 0 then put('opening', math.max(0, get('opening') - tonumber(amount))) end  -- it is the oldest
            note(slot .. ':left:' .. whole(now), 'left', -tonumber(amount), 0)
        end
    end
end

local function claim(step)
    for _, percent in ipairs(step.confirmed) do
        local at = string.match(state['c:' .. percent] or '', '^(%d+)')
        if at then
            state['c:' .. percent] = at .. ' 1'
            redis.call('HSET', KEYS[1], 'c:' .. percent, at .. ' 1')
        end
    end
    local fired = {}
    for _, percent in ipairs(step.alerts) do
        local at, confirmed = string.match(state['c:' .. percent] or '0 0', '^(%d+) (%d)')
        local reached = get('settled') * 100 >= percent * get('limit') or (percent == 100 and get('refused') == 1)
        if (reached and at == '0') or (at ~= '0' and confirmed == '0' and now - at > UNCONFIRMED) then
            redis.call('HSET', KEYS[1], 'c:' .. percent, whole(now) .. ' 0')
            fired[#fired + 1] = percent
        end
    end
    return fired
end

local function granted(step, settled, leased)
    if step.percent == cjson.null or step.close then return 0 end
    local hundredth = math.floor(get('limit') / 100)  -- so that no product leaves the exact numbers
    local rest = math.floor((get('limit') % 100) * step.percent / 100)
    local room = hundredth * step.percent + rest - settled - leased
    if room < step.need or room <= 0 then return 0 end
    return math.max(step.need, math.min(step.wish, math.floor(room / 16)))
end

local function answer(lease, with)
    local flight = 0
    for _, each in pairs(leases) do flight = flight + each.flight end
    return {
        lease.hold, lease.reported, get('settled'), get('leased'), flight, get('limit'), with.refused or 0,
        with.lost or 0, with.unopened or 0, with.fired or {}, with.disagree or {}, with.since or 0
    }
end

if verb == 'recover' then
    counting()
    touch()
    local lease = leases[given.lease]
    if not lease then
        lease = { hold = 0, reported = counted(given.lease), seq = 0, suspense = 0 }
        lease.slot = given.rolling > 0 and math.floor(now / given.rolling) or given.day
    end
    revive(given.lease, lease)
    local charged = math.max(0, given.total + given.flight - lease.reported)
    note(given.lease .. ':recovered:' .. whole(lease.seq), 'recovered', charged, -lease.hold, lease.slot)
    bury(given.lease, lease.reported + charged, lease.slot)
    lasts()
    return 1
end

-- The limit in force: an override, else the lowest that was declared of late.
local step = given
local declared = all(KEYS[2])
local own = 'm:' .. whole(step.limit)
local age = declared[own] and now - declared[own]
local changed = not (age and age >= 0 and age < FRESH)
if changed then
    for name, seen in pairs(declared) do
        if string.sub(name, 1, 2) == 'm:' and now - seen >= DECLARED then
            declared[name] = nil
            redis.call('HDEL', KEYS[2], name)
        end
    end
    declared[own] = whole(now)
    redis.call('HSET', KEYS[2], own, declared[own])
end
local lowest, limits = step.limit, {}
for name, seen in pairs(declared) do
    if string.sub(name, 1, 2) == 'm:' then
        local limit = tonumber(string.sub(name, 3))
        limits[#limits + 1] = limit
        if now - seen < DECLARED then lowest = math.min(lowest, limit) end
    end
end
local disagree = {}
if changed and not declared.override and #limits > 1 and now - (declared.told or 0) >= DAY then
    table.sort(limits)
    disagree = limits
    redis.call('HSET', KEYS[2], 'told', whole(now))
end
if declared.override and (not declared['until'] or now < tonumber(declared['until'])) then
    lowest = tonumber(declared.override)
end

local since = counting()
touch()
local slot = step.rolling > 0 and math.floor(now / step.rolling) or step.day
local nothing = { hold = 0, reported = 0 }
if get('opened') == 0 then
    if step.carry ~= '' then
        local earlier = all(KEYS[4])
        if earlier.at then
            local left = tonumber(earlier.limit or 0) - tonumber(earlier.settled or 0) - tonumber(earlier.leased or 0)
            put('extra', math.max(0, math.min(lowest, left)))
        elseif since <= step.carry_since then
            put('extra', lowest)
        end
    end
    if step.opening == cjson.null and since > step.start then
        return answer(nothing, { unopened = 1, disagree = disagree, since = since })
    end
    local amount = 0
    for _, part in ipairs(step.opening ~= cjson.null and step.opening or {}) do
        local name = 'd:' .. whole(math.min(part[1], slot))
        put(name, get(name) + part[2])
        amount = amount + part[2]
    end
    put('opened', 1)
    if amount > 0 then put('opening', amount) end
    note('opening', 'opening', amount, 0)
end
put('limit', lowest + get('extra'))
expire(slot)
if step.rolling > 0 then leave(slot - SLOTS) end
local lease = leases[step.lease]
if not lease and step.seq > 1 then lease = bury(step.lease, counted(step.lease), 0) end
lasts()
if not lease then
    lease = { hold = 0, reported = 0, seq = 0, expires = 0, suspense = 0, slot = 0, flight = 0, risk = 0 }
elseif lease.seq == CLOSED then
    return answer(lease, { lost = 1, disagree = disagree })
elseif step.seq <= lease.seq then
    return answer(lease, { disagree = disagree })
end

revive(step.lease, lease)
local spent = math.max(0, step.total - lease.reported)
for _, told in ipairs(step.once) do
    if told[3] > lease.reported and redis.call('HSETNX', KEYS[6], told[1], whole(told[2])) == 0 then spent = spent - told[2] end
end
if #step.once > 0 then lasts() end
local hold = math.max(0, lease.hold - spent)
hold = hold - math.min(step.give, hold)
if step.close then hold = 0 end
local grant = granted(step, get('settled') + spent, get('leased') + hold - lease.hold)
note(step.lease .. ':' .. whole(step.seq), 'step', spent, hold + grant - lease.hold, slot)
lease.hold, lease.reported, lease.seq = hold + grant, math.max(step.total, lease.reported), step.seq
lease.expires, lease.flight, lease.risk, lease.slot = now + step.ttl + GRACE, step.flight, step.risk, slot
if step.close then bury(step.lease, lease.reported, slot) else keep(step.lease, lease) end
local refused = grant < step.need and 1 or 0
put('refused', (refused == 1 or (get('refused') == 1 and step.need == 0)) and 1 or 0)
return answer(lease, { refused = refused, fired = claim(step), disagree = disagree })
