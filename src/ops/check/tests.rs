//! What is checked of an action that exists in tests alone: nothing here knows a script.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::actions::tests::Record;

#[test]
fn what_an_action_tells_is_told_of_its_rule_and_its_files_are_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let secret = folder.path().join("key");
    fs::write(&secret, "k").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let action = |rule: &str, enabled| RuleAction {
        rule: rule.to_owned(),
        enabled,
        action: Arc::new(Record {
            secret: secret.clone(),
            ..Record::default()
        }) as Arc<dyn Action>,
    };
    let mut permissions = PermissionCheck::new(&folder.path().join("listener.conf"));
    let actions = [action("play", true), action("rest", false)];
    let mut problems = action_problems(&actions, &mut permissions);
    problems.append(permissions.end());
    let report = problems.report("f").to_string();
    for part in [
        "warning: the record is scratched\n  --> f:3:10, rule [play]\nhint: turn it over",
        "every user of this machine can read the secret of `record_key_file`",
    ] {
        assert!(report.contains(part), "{report}");
    }
    assert_eq!(report.matches("rule [play]").count(), 2, "{report}");
    assert!(!report.contains("[rest]"), "{report}");
}
