//! The handle of an attempt in the journal: `KIND TEXT`. The kind of action is put in front here, the rest
//! is the action's own, and opaque.

use crate::actions::Recovery;
use crate::journal::OpenAttempt;

/// The handle under which what an attempt of this kind leaves behind is found.
pub(super) fn handle(kind: &str, text: &str) -> String {
    format!("{kind} {text}")
}

/// The kind and the action's own text.
pub(super) fn parts(handle: &str) -> Option<(&str, &str)> {
    handle.split_once(' ')
}

/// The one that is for the kind of this attempt, if the kind is known.
pub(super) fn recovery_of<'a>(
    attempt: &OpenAttempt,
    recoveries: &'a [Box<dyn Recovery>],
) -> Option<&'a dyn Recovery> {
    let (kind, _) = parts(attempt.handle.as_deref()?)?;
    let found = recoveries.iter().find(|recovery| recovery.kind() == kind);
    found.map(AsRef::as_ref)
}

/// The attempts that recovery of the kind `kind` is asked about, with handles as its action wrote them:
/// those of the kind and, without handle, those whose kind is not in `kinds` or that have none.
pub(super) fn of_kind(open: &[OpenAttempt], kind: &str, kinds: &[&str]) -> Vec<OpenAttempt> {
    let asked = open.iter().filter_map(|attempt| {
        let known = attempt.handle.as_deref().and_then(parts);
        let handle = match known.filter(|(of, _)| kinds.contains(of)) {
            Some((of, text)) => Some((of == kind).then(|| text.to_owned())?),
            None => None,
        };
        Some(OpenAttempt {
            handle,
            ..attempt.clone()
        })
    });
    asked.collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::journal::Owner;

    #[test]
    fn each_kind_is_asked_of_its_own_attempts_and_of_those_of_unknown_kind() {
        let open: Vec<OpenAttempt> = [
            None,
            Some("script {1 2}"),
            Some("job 7"),
            Some("gone x"),
            Some("odd"),
        ]
        .into_iter()
        .zip(1..)
        .map(|(handle, run)| OpenAttempt {
            owner: Owner(1),
            run,
            attempt: 1,
            rule: "r".into(),
            started_at: Timestamp::UNIX_EPOCH,
            handle: handle.map(str::to_owned),
        })
        .collect();
        let asked = |kind| -> Vec<(i64, Option<String>)> {
            let of = of_kind(&open, kind, &["script", "job"]);
            of.into_iter().map(|it| (it.run, it.handle)).collect()
        };
        let own = |run, text: &str| (run, Some(text.to_owned()));
        let nobodys = [(4, None), (5, None)];
        let [gone, odd] = nobodys;
        assert_eq!(
            asked("script"),
            [(1, None), own(2, "{1 2}"), gone.clone(), odd.clone()]
        );
        assert_eq!(asked("job"), [(1, None), own(3, "7"), gone, odd]);
        assert_eq!(parts(&handle("script", "{1 2}")), Some(("script", "{1 2}")));
    }
}
