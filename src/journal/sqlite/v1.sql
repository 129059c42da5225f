-- The journal, version 1. Never edited once released: later versions add a file of their own.
-- Times are milliseconds since 1970, durations milliseconds.
-- A check compares one by one: for `IN` with three values and more SQLite makes a table for each row it checks.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta VALUES ('name', lower(hex(randomblob(16))));

-- `finished_at` is set while no run of the event has anything left to do, and nothing of them is to be announced; only
-- such events are pruned.
CREATE TABLE events (
    id          INTEGER PRIMARY KEY,
    source      TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    event_type  TEXT NOT NULL,
    body        TEXT NOT NULL,
    accepted_at INTEGER NOT NULL,
    finished_at INTEGER,
    -- 1 while the body lacks the lease that the event is about.
    is_incomplete INTEGER NOT NULL DEFAULT 0 CHECK (is_incomplete IN (0, 1)),
    -- How often the lease that the event is about could not be shown.
    lease_failures INTEGER NOT NULL DEFAULT 0,
    -- The lease that the event is about, if it is about one: by that, a later event cancels its runs.
    lease       TEXT,
    -- 1 if it tells of the end of a run, or comes of such an event: the ends of its own runs are not announced.
    after_end   INTEGER NOT NULL DEFAULT 0 CHECK (after_end IN (0, 1)),
    UNIQUE (event_id, source)
) STRICT;

CREATE INDEX events_finished ON events (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX events_lease ON events (lease) WHERE lease IS NOT NULL AND finished_at IS NULL;

-- A key has one turn to give: to its running run, else to its oldest unfinished one. `turn` is 1
-- for the run that has it. The unique index makes an overlap impossible, whatever the program does.
-- Ids are never used again, so that a script may rely on ESI_RUN_ID.
CREATE TABLE runs (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    event       INTEGER NOT NULL REFERENCES events ON DELETE CASCADE,
    rule        TEXT NOT NULL,
    -- What the text of the key means: texts of different meanings are different keys.
    key_space   TEXT NOT NULL,
    key         TEXT NOT NULL,
    state       TEXT NOT NULL
                CHECK (state = 'scheduled' OR state = 'due' OR state = 'running' OR state = 'succeeded'
                       OR state = 'retryable' OR state = 'discarded' OR state = 'cancelled'),
    turn        INTEGER NOT NULL DEFAULT 0 CHECK (turn IN (0, 1)),
    due_at      INTEGER,
    retry_in    INTEGER,
    attempts    INTEGER NOT NULL DEFAULT 0,
    failures    INTEGER NOT NULL DEFAULT 0,
    accepted_at INTEGER NOT NULL,
    finished_at INTEGER,
    -- Why it ended or never started, if no attempt of it says so: it was cancelled, for one. Of a run that is
    -- being cancelled it says why.
    reason      TEXT,
    -- It is pointless: unless its attempt succeeds, it is cancelled with that; `now`: which is to be ended, too.
    cancelling  TEXT CHECK (cancelling IN ('after', 'now')),
    -- It is cancelled if it has not started by then.
    start_by    INTEGER,
    -- Of all runs of the rule with the same text here only so many run at once. The claim says how many.
    share       TEXT,
    -- 1 while the rule cannot be decided, because the event's lease could not be shown yet.
    awaits_lease INTEGER NOT NULL DEFAULT 0 CHECK (awaits_lease IN (0, 1)),
    -- 1 if ESI Leap is asked about the lease before an attempt, as far as is known: the claim says of which rules.
    recheck     INTEGER NOT NULL DEFAULT 0 CHECK (recheck IN (0, 1)),
    -- Where the run stands in the order of its key, if that is not its id: one that comes out of
    -- quarantine has the place at which its delivery arrived, one that was scheduled the place behind
    -- all there were when it became due.
    place       INTEGER,
    -- How far a run with several steps has come, as JSON: its next or last step, the one that failed, results.
    stand       TEXT,
    -- How many events it tells of, if it is of all events of a window (`batch`): its own is the first.
    batched     INTEGER,
    -- The run that tells of its event, if that is another one; only of the first events of a window.
    told_by     INTEGER,
    UNIQUE (event, rule),
    CHECK (state <> 'running' OR turn = 1),
    CHECK ((state IN ('scheduled', 'retryable')) = (due_at IS NOT NULL)),
    CHECK ((state = 'retryable') = (retry_in IS NOT NULL)),
    CHECK (state <> 'scheduled' OR (turn = 0 AND place IS NULL)),
    CHECK ((state = 'succeeded' OR state = 'discarded' OR state = 'cancelled') = (finished_at IS NOT NULL)),
    CHECK (finished_at IS NULL OR turn = 0),
    CHECK (cancelling IS NULL OR (state = 'running' AND reason IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX runs_turn ON runs (key, key_space) WHERE turn = 1;
CREATE INDEX runs_due ON runs (turn, awaits_lease, recheck) WHERE turn = 1 AND state = 'due' AND share IS NULL;
-- What has the turn of its key, and perhaps has to wait for others of its share: in order, and by share.
CREATE INDEX runs_sharing ON runs (turn) WHERE turn = 1 AND state = 'due' AND share IS NOT NULL;
CREATE INDEX runs_shares ON runs (rule, share) WHERE turn = 1 AND state = 'due' AND share IS NOT NULL;
CREATE INDEX runs_shared ON runs (rule, share) WHERE state = 'running' AND share IS NOT NULL;
CREATE INDEX runs_retryable ON runs (turn, due_at) WHERE state = 'retryable';
CREATE INDEX runs_scheduled ON runs (due_at) WHERE state = 'scheduled';
CREATE INDEX runs_scheduled_key ON runs (key, key_space) WHERE state = 'scheduled';
CREATE INDEX runs_told_by ON runs (told_by) WHERE told_by IS NOT NULL;
CREATE INDEX runs_start_by ON runs (start_by) WHERE start_by IS NOT NULL AND finished_at IS NULL;
CREATE INDEX runs_cancelling ON runs (cancelling) WHERE cancelling = 'now';
CREATE INDEX runs_unfinished ON runs (key, key_space, COALESCE(place, id))
    WHERE finished_at IS NULL AND state <> 'scheduled';

-- Places are given by counting this up, so the row has to be there before the first run.
INSERT INTO sqlite_sequence (name, seq) VALUES ('runs', 0);

-- The window of each group of a rule with a throttle. Of another throttle than `throttle`, or once it has ended, it
-- means nothing. `run` is the one that was let through.
CREATE TABLE windows (
    rule        TEXT NOT NULL,
    group_space TEXT NOT NULL,
    group_text  TEXT NOT NULL,
    throttle    TEXT NOT NULL,
    began_at    INTEGER NOT NULL,
    ends_at     INTEGER NOT NULL,
    events      INTEGER NOT NULL,
    run         INTEGER,
    PRIMARY KEY (rule, group_space, group_text)
) STRICT, WITHOUT ROWID;

CREATE INDEX windows_end ON windows (ends_at);

-- Who performs attempts: one row for each start of a service. What attempts say of it is no reference: that would take an
-- index of all attempts, to be written with each of them, for owners that are forgotten with the oldest run.
CREATE TABLE owners (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    host      TEXT NOT NULL,
    joined_at INTEGER NOT NULL,
    left_at   INTEGER
) STRICT;

CREATE INDEX owners_left ON owners (left_at);

CREATE TABLE attempts (
    run            INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
    number         INTEGER NOT NULL,
    -- The section of the step that it performed, if the run was not at its first.
    step           TEXT,
    owner          INTEGER NOT NULL,
    started_at     INTEGER NOT NULL,
    -- By what the action finds what the attempt left behind: `KIND TEXT`.
    handle         TEXT,
    ended_at       INTEGER,
    duration       INTEGER,
    outcome        TEXT CHECK (outcome = 'succeeded' OR outcome = 'failed' OR outcome = 'timed out'
                               OR outcome = 'not started' OR outcome = 'interrupted'),
    -- How an action ended that was performed, and its number or, in the reason, its words.
    outcome_detail TEXT CHECK (outcome_detail = 'exited' OR outcome_detail = 'signalled' OR outcome_detail = 'told'),
    outcome_value  INTEGER,
    outcome_reason TEXT,
    output_dropped INTEGER NOT NULL DEFAULT 0,
    output         BLOB,
    PRIMARY KEY (run, number),
    CHECK ((ended_at IS NULL) = (outcome IS NULL)),
    CHECK ((outcome IN ('succeeded', 'failed')) = (outcome_detail IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX attempts_open ON attempts (run) WHERE ended_at IS NULL;

-- The states to which runs come in the end and of which a rule wants to be told. In the journal, because also commands
-- and the acceptance of other events end runs.
CREATE TABLE announced_ends (
    state TEXT PRIMARY KEY CHECK (state = 'succeeded' OR state = 'discarded' OR state = 'cancelled')
) STRICT, WITHOUT ROWID;

-- What is to become an event: written in the commit that ends a run (in that state, by that attempt or by none, or for
-- that reason), or records the attempt that made it. It goes in the commit that accepts the event. Numbers are
-- never used again, since the ids of the events are made of them.
CREATE TABLE announcements (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    run     INTEGER NOT NULL,
    event   INTEGER NOT NULL REFERENCES events ON DELETE CASCADE,
    attempt INTEGER,
    state   TEXT CHECK (state = 'succeeded' OR state = 'discarded' OR state = 'cancelled'),
    reason  TEXT,
    made    TEXT,
    at      INTEGER NOT NULL,
    CHECK ((state IS NULL) = (made IS NOT NULL))
) STRICT;

CREATE INDEX announcements_event ON announcements (event);

-- How far sources have been read, if they keep a cursor, and how that went last.
CREATE TABLE sources (
    source    TEXT PRIMARY KEY,
    opened_at INTEGER,
    cursor    TEXT,
    passed_at INTEGER,
    failed_at INTEGER,
    failure   TEXT,
    failures  INTEGER NOT NULL DEFAULT 0,
    CHECK ((failed_at IS NULL) = (failure IS NULL))
) STRICT, WITHOUT ROWID;

-- `fingerprint` finds what is already here without keeping each body in an index once more. A delivery
-- that is known to be about a key has a place among the runs of that key: a number of theirs that no run
-- has. Those behind it wait for as long as it is here.
CREATE TABLE quarantine (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    source      TEXT NOT NULL,
    origin      TEXT NOT NULL,
    reason      TEXT NOT NULL,
    size        INTEGER NOT NULL,
    arrived_at  INTEGER NOT NULL,
    fingerprint INTEGER NOT NULL,
    body        BLOB NOT NULL,
    key_space   TEXT,
    key         TEXT,
    place       INTEGER,
    CHECK ((key IS NULL) = (place IS NULL)),
    CHECK ((key IS NULL) = (key_space IS NULL))
) STRICT;

CREATE INDEX quarantine_fingerprint ON quarantine (fingerprint);
CREATE INDEX quarantine_arrived ON quarantine (arrived_at);
CREATE INDEX quarantine_holds ON quarantine (key, key_space, place) WHERE key IS NOT NULL;

-- What commands ask the service that holds the journal: to decode a delivery again with the rules in force.
-- The answer is written in the commit that does what it says; `detail` has the numbers of the runs, or the reason.
CREATE TABLE requests (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery    INTEGER NOT NULL,
    asked_at    INTEGER NOT NULL,
    asked_by    TEXT NOT NULL,
    answered_at INTEGER,
    answer      TEXT CHECK (answer IN ('accepted', 'known', 'stays', 'absent')),
    detail      TEXT,
    UNIQUE (delivery, asked_at, asked_by),
    CHECK ((answered_at IS NULL) = (answer IS NULL))
) STRICT;

CREATE INDEX requests_unanswered ON requests (id) WHERE answer IS NULL;
CREATE INDEX requests_answered ON requests (answered_at);

-- Named values, as JSON. One whose time is over counts as absent, until upkeep deletes it.
CREATE TABLE store (
    name       TEXT PRIMARY KEY,
    value      TEXT NOT NULL,
    set_at     INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;

CREATE INDEX store_expiring ON store (expires_at) WHERE expires_at IS NOT NULL;

-- What came of changes of values that may be asked for again: by a run until the end of its attempt is on record,
-- by a command for an hour. `change` says what was asked for.
CREATE TABLE store_changes (
    id       TEXT PRIMARY KEY,
    run      INTEGER UNIQUE REFERENCES runs ON DELETE CASCADE,
    change   TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    is_done  INTEGER NOT NULL CHECK (is_done IN (0, 1)),
    value    TEXT
) STRICT;

CREATE INDEX store_changes_asked ON store_changes (asked_at) WHERE run IS NULL;

-- Finished rows are too many to be counted, so their numbers are kept. Triggers do it, because several
-- processes write here, and pruning deletes by cascade. What is unfinished is counted in its indexes: a trigger
-- for each of its changes would be the dearest part of an acceptance. What is finished from the beginning is
-- counted by `accept`, for the same reason.
CREATE TABLE tally (
    name   TEXT PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO tally VALUES
    ('succeeded', 0), ('discarded', 0), ('cancelled', 0), ('finished events', 0), ('quarantined', 0),
    ('stored', 0);

CREATE TRIGGER run_finished AFTER UPDATE OF finished_at ON runs
WHEN OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL BEGIN
    UPDATE tally SET number = number + 1 WHERE name = NEW.state;
END;
CREATE TRIGGER run_reopened AFTER UPDATE OF finished_at ON runs
WHEN OLD.finished_at IS NOT NULL AND NEW.finished_at IS NULL BEGIN
    UPDATE tally SET number = number - 1 WHERE name = OLD.state;
END;
CREATE TRIGGER run_gone AFTER DELETE ON runs WHEN OLD.finished_at IS NOT NULL BEGIN
    UPDATE tally SET number = number - 1 WHERE name = OLD.state;
END;
CREATE TRIGGER event_moved AFTER UPDATE OF finished_at ON events BEGIN
    UPDATE tally SET number = number + (NEW.finished_at IS NOT NULL) - (OLD.finished_at IS NOT NULL)
    WHERE name = 'finished events';
END;
CREATE TRIGGER event_gone AFTER DELETE ON events WHEN OLD.finished_at IS NOT NULL BEGIN
    UPDATE tally SET number = number - 1 WHERE name = 'finished events';
END;
CREATE TRIGGER quarantine_made AFTER INSERT ON quarantine BEGIN
    UPDATE tally SET number = number + 1 WHERE name = 'quarantined';
END;
CREATE TRIGGER quarantine_gone AFTER DELETE ON quarantine BEGIN
    UPDATE tally SET number = number - 1 WHERE name = 'quarantined';
END;
CREATE TRIGGER value_stored AFTER INSERT ON store BEGIN
    UPDATE tally SET number = number + 1 WHERE name = 'stored';
END;
CREATE TRIGGER value_gone AFTER DELETE ON store BEGIN
    UPDATE tally SET number = number - 1 WHERE name = 'stored';
END;
