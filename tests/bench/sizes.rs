//! How much is measured: enough for steady figures in about ten minutes, or just enough to see that all of it
//! works.

/// Of a run.
pub(crate) struct Sizes {
    /// How often whole processes are started anew, in turn with their peers.
    pub(crate) rounds: usize,
    /// Messages that are only looked at.
    pub(crate) messages: usize,
    /// Runs of one node.
    pub(crate) one_node: usize,
    /// Runs over many nodes.
    pub(crate) many_nodes: usize,
    /// Messages that are published one by one to whoever waits for them.
    pub(crate) awaited: usize,
    /// Messages that nobody wants, before memory is looked at.
    pub(crate) not_wanted: usize,
    /// How long wake-ups are counted.
    pub(crate) idle_seconds: u64,
    /// Runs that wait, when memory is looked at.
    pub(crate) waiting: usize,
    /// Events for few and for many rules.
    pub(crate) for_rules: usize,
    /// Requests that are sent to a webhook.
    pub(crate) requests: usize,
    /// Lines that a program writes.
    pub(crate) lines: usize,
    /// Rows of a history.
    pub(crate) rows: usize,
    /// Finished runs in the journal that is compared with an empty one.
    pub(crate) finished: usize,
    /// Batches that a journal is asked for.
    pub(crate) batches: usize,
}

pub(crate) const FULL: Sizes = Sizes {
    rounds: 5,
    messages: 50_000,
    one_node: 2_000,
    many_nodes: 4_000,
    awaited: 1_000,
    not_wanted: 1_000_000,
    idle_seconds: 60,
    waiting: 100_000,
    for_rules: 50_000,
    requests: 20_000,
    lines: 500_000,
    rows: 100_000,
    finished: 1_000_000,
    batches: 200,
};

pub(crate) const QUICK: Sizes = Sizes {
    rounds: 1,
    messages: 2_000,
    one_node: 100,
    many_nodes: 200,
    awaited: 20,
    not_wanted: 5_000,
    idle_seconds: 2,
    waiting: 500,
    for_rules: 1_000,
    requests: 200,
    lines: 1_000,
    rows: 500,
    finished: 2_000,
    batches: 10,
};
