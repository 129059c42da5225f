//! What servers answer: to a search, and of jobs.

use esi_event_actions::actions::awx;
use esi_event_actions::sources::elasticsearch::{Each, Page, Paging};

/// What answers to a search.
pub(crate) fn searches(data: &[u8]) {
    let names = |names: &[&str]| Each::Buckets(names.iter().map(|&it| it.to_owned()).collect());
    for each in [Each::Hits, Each::Rows, names(&["q"]), names(&["q", "in"])] {
        for (is_sorted, is_composite) in [(false, false), (true, true)] {
            let paging = Paging {
                size: 1,
                is_sorted,
                is_composite,
                may_stop_early: is_sorted,
            };
            match Page::read(data, &each, paging) {
                Ok(page) => {
                    assert!(page.found.iter().all(|finding| !finding.parts.is_empty()));
                    assert!(page.next.is_none() || (is_sorted && !page.found.is_empty()));
                }
                Err(why) => assert!(!why.is_empty()),
            }
        }
    }
}

/// What AWX answers, to whichever question.
pub(crate) fn jobs(data: &[u8]) {
    for text in awx::read_any(data) {
        // It goes into the log, and to a terminal.
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
}
