//! Named points at which tests have the program killed, to see what a crash there leaves behind.
//!
//! There is one at every boundary between what is done and what is on disk. Without the feature
//! `crash-points`, which only tests switch on, they compile to nothing: the program that is
//! released has no trace of them. With it, `ESI_CRASH_POINT=NAME[:N]` in the environment has the
//! process kill itself with SIGKILL when it comes to that point for the N-th time.

macro_rules! points {
    ($($(#[$doc:meta])* $point:ident = $name:literal,)*) => {
        /// Where the program can be killed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Point {
            $($(#[$doc])* $point,)*
        }

        #[cfg(feature = "crash-points")]
        impl Point {
            /// Every point.
            pub const ALL: &[Self] = &[$(Self::$point,)*];

            /// What it is called in `ESI_CRASH_POINT`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)*
                }
            }
        }
    };
}

points! {
    /// The database's file is there, and empty.
    JournalMade = "journal-made",
    /// A new version's tables are there, but not committed.
    MigrationHalfWay = "migration-half-way",
    /// The tables are those of this version.
    Migrated = "migrated",
    /// What an earlier service left running is gone; the journal does not know yet.
    LeftoversEnded = "leftovers-ended",
    /// The first of several interrupted attempts is on record.
    InterruptionRecorded = "interruption-recorded",
    /// Some of what is no longer kept is deleted, but not committed.
    PruneHalfWay = "prune-half-way",
    /// A step of pruning is on disk.
    Pruned = "pruned",
    /// The history's rows are here.
    ListAnswered = "list-answered",
    /// A lease is shown for a row that is not accepted yet.
    LeaseShown = "lease-shown",
    /// A source has handed deliveries on.
    DeliveryReceived = "delivery-received",
    /// What is to be written down for them is decided.
    DeliveryDecoded = "delivery-decoded",
    /// The cursor is written, but not committed.
    CursorMoved = "cursor-moved",
    /// A run is written, and the window of its throttle after it, but not committed.
    WindowWritten = "window-written",
    /// Events and runs are written, but not committed.
    AcceptedUncommitted = "accepted-uncommitted",
    /// What an event makes pointless is cancelled, but not committed.
    CancelledUncommitted = "cancelled-uncommitted",
    /// They are on disk, and the source does not know.
    Accepted = "accepted",
    /// The batch has been settled with the source.
    Settled = "settled",
    /// What a command has asked for is decided, and nothing of that is done.
    RequestDecided = "request-decided",
    /// It is done, and the command is yet to see the answer.
    RequestAnswered = "request-answered",
    /// Runs are claimed, and nothing is started for them.
    RunClaimed = "run-claimed",
    /// The lease of a run that awaited it is shown at last.
    LateLeaseShown = "late-lease-shown",
    /// The event of that run has been replaced.
    LeaseCompleted = "lease-completed",
    /// ESI Leap has shown the lease of a run that is about to begin.
    LeaseRechecked = "lease-rechecked",
    /// It is known which attempt is to be ended, because its run is cancelled.
    EndAsked = "end-asked",
    /// A script's process is there, and the journal does not know which.
    ProcessStarted = "process-started",
    /// The journal knows.
    ProcessRecorded = "process-recorded",
    /// AWX has launched a job, and the journal does not know which.
    JobLaunched = "job-launched",
    /// A value of the store is changed, but not committed.
    StoreUncommitted = "store-uncommitted",
    /// It is on disk, and the attempt that changed it does not know.
    StoreChanged = "store-changed",
    /// An attempt has ended, and the journal does not know.
    ProcessEnded = "process-ended",
    /// The outcome is written, but not committed.
    OutcomeUncommitted = "outcome-uncommitted",
    /// The outcome is on disk, and what is claimed in its place is not started yet.
    OutcomeWritten = "outcome-written",
    /// It is decided what becomes of the end of a run, or of what an attempt made, and nothing of that is done.
    AnnouncementDecided = "announcement-decided",
    /// The event is written, and its announcement taken out, but not committed.
    AnnouncedUncommitted = "announced-uncommitted",
    /// They are on disk, and dispatch does not know.
    Announced = "announced",
    /// Whatever it is, the journal is about to commit it.
    Committing = "committing",
    /// The request is on disk, and its caller does not know yet.
    Committed = "committed",
}

/// The program has come to this point.
#[cfg(not(feature = "crash-points"))]
#[inline]
pub fn point(_: Point) {}

#[cfg(feature = "crash-points")]
pub use armed::point;

#[cfg(feature = "crash-points")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    use super::Point;

    /// The program has come to this point: it may be its last.
    ///
    /// # Panics
    /// If `ESI_CRASH_POINT` names no point.
    pub fn point(point: Point) {
        static DEADLY: OnceLock<Option<(Point, u64)>> = OnceLock::new();
        static REACHED: AtomicU64 = AtomicU64::new(0);
        let deadly = DEADLY.get_or_init(|| {
            let asked = std::env::var("ESI_CRASH_POINT").ok()?;
            Some(read(&asked).expect("a point for ESI_CRASH_POINT"))
        });
        if let Some((deadly, time)) = deadly
            && *deadly == point
            && REACHED.fetch_add(1, Ordering::Relaxed) + 1 == *time
        {
            // Tests look at what was logged until here.
            crate::telemetry::flush();
            kill_process(getpid(), Signal::KILL).expect("a signal to this process");
            loop {
                std::thread::park();
            }
        }
    }

    /// `NAME` or `NAME:N`.
    fn read(asked: &str) -> Option<(Point, u64)> {
        let (name, time) = asked.split_once(':').unwrap_or((asked, "1"));
        let point = Point::ALL.iter().find(|point| point.name() == name)?;
        Some((*point, time.parse().ok().filter(|time| *time > 0)?))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_point_is_asked_for_by_its_name_and_how_often() {
            let cases = [
                ("settled", Some((Point::Settled, 1))),
                ("settled:3", Some((Point::Settled, 3))),
                ("settled:0", None),
                ("settled:", None),
                ("Settled", None),
                ("", None),
            ];
            for (asked, expected) in cases {
                assert_eq!(read(asked), expected, "{asked}");
            }
        }

        #[test]
        fn names_are_one_to_one() {
            for point in Point::ALL {
                assert_eq!(read(point.name()), Some((*point, 1)));
            }
        }
    }
}
