-- One account's bookkeeping, as outlay/budgets/book.py has it: a test puts both through the same steps.
-- It runs inside the server, so that an account is locked for as long as a step takes and no client can dawdle meanwhile.
-- Amounts are nano-USD, times milliseconds. To change a function is to give it another number: old processes call the old.

SELECT pg_advisory_xact_lock(7075);

CREATE TABLE IF NOT EXISTS outlay_budgets (
    project text, budget text, since bigint NOT NULL, told bigint NOT NULL DEFAULT 0, override bigint, until bigint,
    PRIMARY KEY (project, budget));
CREATE TABLE IF NOT EXISTS outlay_budget_limits (
    project text, budget text, amount bigint, seen bigint NOT NULL, PRIMARY KEY (project, budget, amount));
CREATE TABLE IF NOT EXISTS outlay_budget_accounts (
    key text PRIMARY KEY, project text NOT NULL, budget text NOT NULL, scope text NOT NULL, win text NOT NULL,
    settled bigint NOT NULL DEFAULT 0, leased bigint NOT NULL DEFAULT 0, extra bigint NOT NULL DEFAULT 0,
    in_force bigint NOT NULL DEFAULT 0, opened boolean NOT NULL DEFAULT false, refused boolean NOT NULL DEFAULT false,
    ends bigint, at bigint NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS outlay_budget_leases (
    account text, id text, hold bigint NOT NULL, reported bigint NOT NULL, seq bigint NOT NULL, expires bigint NOT NULL,
    suspense bigint NOT NULL, slot bigint NOT NULL, flight bigint NOT NULL, risk bigint NOT NULL,
    PRIMARY KEY (account, id));
CREATE TABLE IF NOT EXISTS outlay_budget_forgotten (
    account text, id text, counted bigint NOT NULL, PRIMARY KEY (account, id));
CREATE TABLE IF NOT EXISTS outlay_budget_shapes (
    project text, budget text, shape text, since bigint NOT NULL, PRIMARY KEY (project, budget, shape));
CREATE TABLE IF NOT EXISTS outlay_budget_claims (
    account text, percent int, at bigint NOT NULL, confirmed boolean NOT NULL, PRIMARY KEY (account, percent));
CREATE TABLE IF NOT EXISTS outlay_budget_slots (
    account text, slot bigint, amount bigint NOT NULL, PRIMARY KEY (account, slot));
CREATE TABLE IF NOT EXISTS outlay_budget_entries (
    account text, id text, kind text NOT NULL, settled bigint NOT NULL, leased bigint NOT NULL, at bigint NOT NULL,
    PRIMARY KEY (account, id));

ALTER TABLE outlay_budget_accounts ADD COLUMN IF NOT EXISTS opening bigint NOT NULL DEFAULT 0;

CREATE OR REPLACE FUNCTION outlay_budget_note_1(
    k text, entry text, what text, spent bigint, held bigint, s bigint, at_ms bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF spent = 0 AND held = 0 THEN RETURN; END IF;
    UPDATE outlay_budget_accounts SET settled = settled + spent, leased = leased + held WHERE key = k;
    IF spent <> 0 AND s IS NOT NULL THEN
        INSERT INTO outlay_budget_slots AS o VALUES (k, s, spent)
        ON CONFLICT (account, slot) DO UPDATE SET amount = o.amount + spent;
    END IF;
    INSERT INTO outlay_budget_entries VALUES (k, entry, what, spent, held, at_ms);
END $$;

CREATE OR REPLACE FUNCTION outlay_budget_bury_2(k text, lease text, counted bigint, s bigint, at_ms bigint)
RETURNS void LANGUAGE sql AS $$
    DELETE FROM outlay_budget_leases WHERE account = k AND id = lease;
    INSERT INTO outlay_budget_leases
        VALUES (k, lease, 0, counted, 4503599627370496, at_ms - 86400000 + 600000, 0, s, 0, 0);
$$;

CREATE OR REPLACE FUNCTION outlay_budget_counted_2(k text, lease text) RETURNS bigint LANGUAGE sql AS $$
    SELECT coalesce((SELECT counted FROM outlay_budget_forgotten WHERE account = k AND id = lease), 0);
$$;

CREATE OR REPLACE FUNCTION outlay_budget_counting_2(p text, b text, shape_of text, began bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    known bigint;
BEGIN
    SELECT since INTO known FROM outlay_budget_shapes WHERE (project, budget, shape) = (p, b, shape_of);
    IF NOT FOUND THEN
        INSERT INTO outlay_budget_shapes
            VALUES (p, b, shape_of, least(began, (extract(epoch FROM clock_timestamp()) * 1000)::bigint))
            ON CONFLICT (project, budget, shape) DO UPDATE SET since = outlay_budget_shapes.since RETURNING since INTO known;
    END IF;
    RETURN known;
END $$;

CREATE OR REPLACE FUNCTION outlay_budget_recover_2(r jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    k text := r ->> 'key';
    p text := r -> 'account' ->> 'project';
    b text := r -> 'account' ->> 'budget';
    rolling bigint := (r ->> 'rolling')::bigint;
    charged bigint;
    l outlay_budget_leases;
    now_ms bigint;
BEGIN
    PERFORM outlay_budget_counting_2(p, b, r ->> 'shape', (r ->> 'began')::bigint);
    PERFORM pg_advisory_xact_lock(hashtextextended(k, 7075));
    now_ms := (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
    INSERT INTO outlay_budget_accounts (key, project, budget, scope, win, ends, at)
        VALUES (k, p, b, r -> 'account' ->> 'scope', r -> 'account' ->> 'window', (r ->> 'end')::bigint, now_ms)
        ON CONFLICT DO NOTHING;
    SELECT * INTO l FROM outlay_budget_leases WHERE account = k AND id = r ->> 'lease';
    IF NOT FOUND THEN
        l := (k, r ->> 'lease', 0, outlay_budget_counted_2(k, r ->> 'lease'), 0, 0, 0,
            CASE WHEN rolling > 0 THEN now_ms / rolling ELSE (r ->> 'day')::bigint END, 0, 0);
    END IF;
    IF l.suspense > 0 AND EXISTS (SELECT FROM outlay_budget_slots WHERE account = k AND slot = l.slot) THEN
        l.hold := l.hold + l.suspense;
        PERFORM outlay_budget_note_1(k, l.id || ':' || l.seq || ':revived', 'revived', -l.suspense, l.suspense, l.slot, now_ms);
    END IF;
    charged := greatest(0, (r ->> 'total')::bigint + (r ->> 'flight')::bigint - l.reported);
    PERFORM outlay_budget_note_1(k, l.id || ':recovered:' || l.seq, 'recovered', charged, -l.hold, l.slot, now_ms);
    PERFORM outlay_budget_bury_2(k, l.id, l.reported + charged, l.slot, now_ms);
END $$;

CREATE OR REPLACE FUNCTION outlay_budget_step_3(s jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    k text := s ->> 'key';
    p text := s -> 'account' ->> 'project';
    b text := s -> 'account' ->> 'budget';
    own bigint := (s ->> 'limit')::bigint;
    need bigint := (s ->> 'need')::bigint;
    total bigint := (s ->> 'total')::bigint;
    rolling bigint := (s ->> 'rolling')::bigint;
    a outlay_budget_accounts;
    before outlay_budget_accounts;
    l outlay_budget_leases;
    i outlay_budgets;
    x record;
    now_ms bigint;
    s_now bigint;
    lowest bigint;
    disagree bigint[] := '{}';
    fired int[] := '{}';
    changed boolean;
    since_ms bigint;
    spent bigint;
    held bigint;
    room bigint;
    given bigint := 0;
BEGIN
    now_ms := (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
    changed := NOT EXISTS (SELECT FROM outlay_budget_limits WHERE project = p AND budget = b AND amount = own
        AND now_ms - seen BETWEEN 0 AND 9999);
    IF changed THEN
        INSERT INTO outlay_budgets (project, budget, since) VALUES (p, b, now_ms) ON CONFLICT DO NOTHING;
        PERFORM 1 FROM outlay_budgets WHERE project = p AND budget = b FOR UPDATE;
        DELETE FROM outlay_budget_limits WHERE project = p AND budget = b AND now_ms - seen >= 120000;
        INSERT INTO outlay_budget_limits VALUES (p, b, own, now_ms)
        ON CONFLICT (project, budget, amount) DO UPDATE SET seen = excluded.seen;
    END IF;
    SELECT * INTO i FROM outlay_budgets WHERE project = p AND budget = b;
    SELECT least(own, min(amount) FILTER (WHERE now_ms - seen < 120000)), array_agg(amount ORDER BY amount)
        INTO lowest, disagree FROM outlay_budget_limits WHERE project = p AND budget = b;
    IF changed AND i.override IS NULL AND cardinality(disagree) > 1 AND now_ms - i.told >= 86400000 THEN
        UPDATE outlay_budgets SET told = now_ms WHERE project = p AND budget = b;
    ELSE
        disagree := '{}';
    END IF;
    since_ms := outlay_budget_counting_2(p, b, s ->> 'shape', (s ->> 'began')::bigint);
    IF i.override IS NOT NULL AND (i.until IS NULL OR now_ms < i.until) THEN lowest := i.override; END IF;

    PERFORM pg_advisory_xact_lock(hashtextextended(k, 7075));  -- one queue, first come first served; a row's has two
    SELECT * INTO a FROM outlay_budget_accounts WHERE key = k FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO outlay_budget_accounts (key, project, budget, scope, win)
            VALUES (k, p, b, s -> 'account' ->> 'scope', s -> 'account' ->> 'window') ON CONFLICT DO NOTHING;
        SELECT * INTO a FROM outlay_budget_accounts WHERE key = k FOR UPDATE;
    END IF;
    now_ms := (extract(epoch FROM clock_timestamp()) * 1000)::bigint;  -- the lock may have taken its time
    s_now := CASE WHEN rolling > 0 THEN now_ms / rolling ELSE (s ->> 'day')::bigint END;
    IF NOT a.opened THEN
        SELECT * INTO before FROM outlay_budget_accounts WHERE key = s ->> 'earlier';
        a.extra := CASE
            WHEN s ->> 'carry' = '' THEN 0
            WHEN before.key IS NOT NULL THEN greatest(0, least(lowest, before.in_force - before.settled - before.leased))
            WHEN since_ms <= (s ->> 'carry_since')::bigint THEN lowest
            ELSE 0 END;
        IF s ->> 'opening' IS NULL AND since_ms > (s ->> 'start')::bigint THEN
            RETURN jsonb_build_object('hold', 0, 'reported', 0, 'settled', a.settled, 'leased', a.leased, 'flight',
                (SELECT coalesce(sum(flight), 0) FROM outlay_budget_leases WHERE account = k), 'limit', a.in_force,
                'unopened', true, 'since', since_ms, 'disagree', to_jsonb(disagree));
        END IF;
        FOR x IN SELECT (e.value ->> 0)::bigint AS place, (e.value ->> 1)::bigint AS amount
            FROM jsonb_array_elements(coalesce(nullif(s -> 'opening', 'null'), '[]')) e LOOP
            INSERT INTO outlay_budget_slots AS o VALUES (k, least(x.place, s_now), x.amount)
                ON CONFLICT (account, slot) DO UPDATE SET amount = o.amount + x.amount;
            a.opening := a.opening + x.amount;
        END LOOP;
        PERFORM outlay_budget_note_1(k, 'opening', 'opening', a.opening, 0, NULL, now_ms);
        UPDATE outlay_budget_accounts SET opening = a.opening, extra = a.extra WHERE key = k;
    END IF;
    UPDATE outlay_budget_accounts SET opened = true, in_force = lowest + extra, ends = (s ->> 'end')::bigint, at = now_ms
        WHERE key = k;

    WITH gone AS (
        DELETE FROM outlay_budget_leases WHERE account = k AND hold <= 0
            AND now_ms > expires + CASE WHEN suspense > 0 THEN 2592000000 ELSE 86400000 END RETURNING *
    ) INSERT INTO outlay_budget_forgotten SELECT account, id, reported + suspense FROM gone
        ON CONFLICT (account, id) DO UPDATE SET counted = excluded.counted;
    FOR x IN SELECT * FROM outlay_budget_leases WHERE account = k AND hold > 0 AND now_ms > expires LOOP
        PERFORM outlay_budget_note_1(k, x.id || ':' || x.seq || ':suspense', 'suspense', x.hold, -x.hold, s_now, now_ms);
        UPDATE outlay_budget_leases SET hold = 0, suspense = x.hold, slot = s_now, flight = 0, risk = 0
            WHERE account = k AND id = x.id;
    END LOOP;
    IF rolling > 0 THEN
        FOR x IN DELETE FROM outlay_budget_slots WHERE account = k AND slot < s_now - 60 RETURNING * LOOP
            PERFORM outlay_budget_note_1(k, x.slot || ':left:' || now_ms, 'left', -x.amount, 0, NULL, now_ms);
            UPDATE outlay_budget_accounts SET opening = greatest(0, opening - x.amount) WHERE key = k;  -- it is the oldest
        END LOOP;
    END IF;

    SELECT * INTO l FROM outlay_budget_leases WHERE account = k AND id = s ->> 'lease';
    IF NOT FOUND AND (s ->> 'seq')::bigint > 1 THEN
        PERFORM outlay_budget_bury_2(k, s ->> 'lease', outlay_budget_counted_2(k, s ->> 'lease'), 0, now_ms);
        SELECT * INTO l FROM outlay_budget_leases WHERE account = k AND id = s ->> 'lease';
    END IF;
    IF l.seq = 4503599627370496 THEN
        SELECT * INTO a FROM outlay_budget_accounts WHERE key = k;
        RETURN jsonb_build_object('hold', 0, 'reported', l.reported, 'settled', a.settled, 'leased', a.leased, 'flight',
            (SELECT coalesce(sum(flight), 0) FROM outlay_budget_leases WHERE account = k), 'limit', a.in_force, 'lost', true,
            'disagree', to_jsonb(disagree));
    ELSIF l.id IS NULL THEN
        l := (k, s ->> 'lease', 0, 0, 0, 0, 0, 0, 0, 0);
    END IF;
    IF (s ->> 'seq')::bigint > l.seq THEN
        IF l.suspense > 0 AND EXISTS (SELECT FROM outlay_budget_slots WHERE account = k AND slot = l.slot) THEN
            PERFORM outlay_budget_note_1(k, l.id || ':' || l.seq || ':revived', 'revived', -l.suspense, l.suspense, l.slot,
                now_ms);
            l.hold := l.hold + l.suspense;
        END IF;
        l.suspense := 0;
        spent := greatest(0, total - l.reported);
        FOR x IN SELECT e.value ->> 0 AS id, (e.value ->> 1)::bigint AS amount FROM jsonb_array_elements(s -> 'once') e
            WHERE (e.value ->> 2)::bigint > l.reported LOOP
            INSERT INTO outlay_budget_forgotten VALUES (k, x.id, x.amount) ON CONFLICT DO NOTHING;
            IF NOT FOUND THEN spent := spent - x.amount; END IF;
        END LOOP;
        held := greatest(0, l.hold - spent);
        held := held - least((s ->> 'give')::bigint, held);
        IF (s ->> 'close')::boolean THEN held := 0; END IF;
        SELECT * INTO a FROM outlay_budget_accounts WHERE key = k;
        IF s ->> 'percent' IS NOT NULL AND NOT (s ->> 'close')::boolean THEN
            room := a.in_force / 100 * (s ->> 'percent')::bigint + a.in_force % 100 * (s ->> 'percent')::bigint / 100
                - a.settled - spent - (a.leased + held - l.hold);
            IF room >= need AND room > 0 THEN
                given := greatest(need, least((s ->> 'wish')::bigint, room / 16));
            END IF;
        END IF;
        PERFORM outlay_budget_note_1(k, l.id || ':' || (s ->> 'seq'), 'step', spent, held + given - l.hold, s_now, now_ms);
        l.hold := held + given;
        l.reported := greatest(total, l.reported);
        l.seq := (s ->> 'seq')::bigint;
        l.expires := now_ms + (s ->> 'ttl')::bigint + 1000;
        l.flight := (s ->> 'flight')::bigint;
        l.risk := (s ->> 'risk')::bigint;
        l.slot := s_now;
        DELETE FROM outlay_budget_leases WHERE account = k AND id = l.id;
        INSERT INTO outlay_budget_leases SELECT l.*;
        IF (s ->> 'close')::boolean THEN PERFORM outlay_budget_bury_2(k, l.id, l.reported, s_now, now_ms); END IF;
        UPDATE outlay_budget_accounts SET refused = given < need OR (refused AND need = 0) WHERE key = k
            RETURNING * INTO a;
        UPDATE outlay_budget_claims SET confirmed = true
            WHERE account = k AND to_jsonb(percent) <@ (s -> 'confirmed');
        WITH claimed AS (
            INSERT INTO outlay_budget_claims AS c
            SELECT k, e.value::int, now_ms, false FROM jsonb_array_elements_text(s -> 'alerts') e
            WHERE (a.settled * 100 >= e.value::bigint * a.in_force OR (e.value = '100' AND a.refused))
                OR EXISTS (SELECT FROM outlay_budget_claims WHERE account = k AND percent = e.value::int)
            ON CONFLICT (account, percent) DO UPDATE SET at = now_ms WHERE NOT c.confirmed AND now_ms - c.at > 60000
            RETURNING percent
        ) SELECT coalesce(array_agg(percent ORDER BY percent), '{}') INTO fired FROM claimed;
    ELSE
        SELECT * INTO a FROM outlay_budget_accounts WHERE key = k;
        need := 0;
    END IF;
    RETURN jsonb_build_object('hold', l.hold, 'reported', l.reported, 'settled', a.settled, 'leased', a.leased,
        'flight', (SELECT coalesce(sum(flight), 0) FROM outlay_budget_leases WHERE account = k), 'limit', a.in_force,
        'refused', given < need, 'fired', to_jsonb(fired), 'disagree', to_jsonb(disagree));
END $$;
