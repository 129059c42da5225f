use serde_json::json;

use super::*;

fn job(id: u64) -> JobRef {
    JobRef {
        kind: Kind::Job,
        id,
    }
}

fn workflow(id: u64) -> JobRef {
    JobRef {
        kind: Kind::Workflow,
        id,
    }
}

#[test]
fn an_answer_to_a_launch_is_a_job_a_refusal_or_neither() {
    let made = |job, ignored: &[&str]| {
        Launch::Made(job, ignored.iter().map(|&it| it.to_owned()).collect())
    };
    for (status, said, expected) in [
        (
            201,
            json!({"id": 17, "job": 17, "type": "job", "ignored_fields": {}}),
            made(job(17), &[]),
        ),
        (201, json!({"job": 19}), made(job(19), &[])),
        (
            201,
            json!({"id": 5, "workflow_job": 5}),
            made(workflow(5), &[]),
        ),
        (
            201,
            json!({"id": 5, "type": "workflow_job"}),
            made(workflow(5), &[]),
        ),
        (
            201,
            json!({"id": 1, "ignored_fields": {"extra_vars": {"a": 1, "b\u{1b}": 2}, "limit": "x"}}),
            made(job(1), &["`a`", "`b\\x1b`", "`limit`"]),
        ),
        (
            201,
            json!({"id": 1, "ignored_fields": {"extra_vars": {}}}),
            made(job(1), &[]),
        ),
        (201, Value::Null, Launch::Unknown),
        (201, json!({"id": "1"}), Launch::Unknown),
        (200, json!({"id": 1}), Launch::Unknown),
        (302, Value::Null, Launch::Refused),
        (400, Value::Null, Launch::Refused),
        (408, Value::Null, Launch::Unknown),
        (429, Value::Null, Launch::Refused),
        (504, Value::Null, Launch::Unknown),
    ] {
        let status = StatusCode::from_u16(status).expect("a status");
        assert_eq!(launch(status, &said), expected, "{status} {said}");
    }
}

#[test]
fn a_job_is_known_again_by_its_handle_below_its_own_root_only() {
    let root = "https://awx.example/api/v2";
    for job in [job(17), workflow(4)] {
        assert_eq!(JobRef::from_handle(&job.handle(root), root), Some(job));
    }
    for handle in [
        "https://awx.example/api/v22/jobs/17/",
        "https://other.example/api/v2/jobs/17/",
        "https://awx.example/api/v2/hosts/17/",
        "https://awx.example/api/v2/jobs/x/",
        "https://awx.example/api/v2/jobs/17",
    ] {
        assert_eq!(JobRef::from_handle(handle, root), None, "{handle}");
    }
}

#[test]
fn a_job_with_a_mark_is_found_whatever_others_have_as_variables() {
    let with = |id: u64, variables: Value| json!({"id": id, "extra_vars": variables});
    let page = json!({"results": [
        with(9, json!("---\nesi_run: j/1/1")),
        with(8, Value::Null),
        with(7, json!("{\"esi_run\": 1}")),
        with(6, json!("{\"esi_run\": \"j/1/11\"}")),
        with(5, json!("{\"x\": \"j/1/1\", \"esi_run\": \"j/1/1\"}")),
    ]});
    let marked = |marks: &[&str]| {
        let marks: Vec<_> = marks.iter().map(|&it| it.to_owned()).collect();
        marked(&page, "esi_run", &marks)
    };
    assert_eq!(marked(&["j/1/1"]), Some(5));
    assert_eq!(marked(&["j/1/2", "j/1/11"]), Some(6));
    assert_eq!(marked(&["j/1/2"]), None);
}

#[test]
fn a_job_ends_with_one_of_four_states() {
    for (status, explanation, told) in [
        ("successful", "", Some("job 3 successful: URL")),
        ("failed", "", Some("job 3 failed: URL")),
        (
            "error",
            "no\u{1b} node",
            Some("job 3 ended with an error: URL (no\\x1b node)"),
        ),
        ("canceled", "", Some("job 3 was canceled: URL")),
        ("running", "", None),
        ("new", "", None),
    ] {
        let said = json!({"status": status, "job_explanation": explanation});
        let found = finished(&said).map(|it| it.means(job(3), "URL"));
        let told_by = found.as_ref().map(|(outcome, _)| outcome.to_string());
        assert_eq!(told_by.as_deref(), told, "{status}");
        if let Some((outcome, again)) = found {
            assert_eq!(outcome.is_success(), status == "successful");
            assert_eq!(again == Again::Useless, status == "canceled");
        }
    }
}
