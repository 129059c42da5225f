//! Processes that the service cannot end, and how messages describe them.
//!
//! A script may become another user (`sudo`, or any program with the set-user-ID bit), whom the service
//! may not signal; or the kernel may hold a process back. While it lives, nothing of its key may start.

use std::fmt;

use super::Status;

/// A process that is still there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remaining {
    pub(crate) pid: i32,
    /// `None` if it is hidden from this user, and only known by its group.
    pub(crate) name: Option<String>,
}

impl Remaining {
    /// One of this group, or several.
    pub(super) fn unknown(group: i32) -> Self {
        Self {
            pid: group,
            name: None,
        }
    }
}

impl From<&Status> for Remaining {
    fn from(process: &Status) -> Self {
        Self {
            pid: process.pid,
            name: Some(process.name.clone()),
        }
    }
}

impl fmt::Display for Remaining {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(formatter, "process {} ({name})", self.pid),
            None => write!(formatter, "a process of group {}", self.pid),
        }
    }
}

/// The consequence of processes that the service cannot end, and the remedy.
pub(crate) fn describe_remaining(remaining: &[Remaining]) -> String {
    /// This many are named.
    const NAMED: usize = 5;
    let named = remaining.iter().take(NAMED);
    let mut names: Vec<String> = named.map(Remaining::to_string).collect();
    if let Some(more @ 1..) = remaining.len().checked_sub(NAMED) {
        names.push(format!("{more} more"));
    }
    let them = if remaining.len() == 1 { "it" } else { "them" };
    format!(
        "the service cannot end {}: no run with the same key starts before that is over; wait, or end \
         {them} as root",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remaining(pid: i32, name: &str) -> Remaining {
        Remaining {
            pid,
            name: Some(name.into()),
        }
    }

    #[test]
    fn what_cannot_be_ended_is_named_but_not_without_end() {
        let many: Vec<Remaining> = (1..=7).map(|pid| remaining(pid, "sh")).collect();
        let cases = [
            (
                &[remaining(7, "ipmitool")][..],
                "cannot end process 7 (ipmitool): ",
                "or end it as root",
            ),
            (
                &[remaining(7, "a"), Remaining::unknown(9)],
                "cannot end process 7 (a), a process of group 9: ",
                "or end them as root",
            ),
            (&many[..5], "process 5 (sh): ", "or end them as root"),
            (&many, "process 5 (sh), 2 more: ", "or end them as root"),
        ];
        for (remaining, names, remedy) in cases {
            let text = describe_remaining(remaining);
            assert!(text.contains(names) && text.ends_with(remedy), "{text}");
        }
    }
}
