//! What the program is given: arguments, environment, working folder, standard input.

use std::env;
use std::process::Command;

use super::*;

#[tokio::test]
async fn the_cloud_comes_before_the_question() {
    let (_folder, openstack, _) = stage();
    let command = vec![openstack.program().display().to_string()];
    let cloud = Some("tenant a".to_owned());
    let client = OpenstackClient::new(Path::new("/"), command, cloud, PATIENCE);
    assert_eq!(client.events(-1).await, Ok(vec![]));
    assert!(client.lease(LEASE).await.is_err());
    let argvs: Vec<Vec<String>> = openstack.calls().into_iter().map(|it| it.argv).collect();
    let cloud = ["--os-cloud", "tenant a", "esi"];
    let expected = [
        [
            &cloud[..],
            &["event", "list", "--last-event-id", "-1", "--format", "json"],
        ]
        .concat(),
        [&cloud[..], &["lease", "show", LEASE, "--format", "json"]].concat(),
    ];
    assert_eq!(argvs, expected);
}

#[tokio::test]
async fn a_command_may_have_arguments_of_its_own() {
    let (_folder, openstack, _) = stage();
    let program = openstack.program().display().to_string();
    // Found on PATH.
    let command = ["env", "OS_REGION_NAME=two words; $(x)", &program];
    let client = client(Path::new("/"), &command);
    assert_eq!(client.events(0).await, Ok(vec![]));
    let call = openstack.calls().remove(0);
    assert_eq!(call.env["OS_REGION_NAME"], "two words; $(x)");
    assert_eq!(call.argv[0], "esi");
}

#[tokio::test]
async fn a_program_with_a_slash_is_relative_to_the_configuration() {
    let (folder, openstack, _) = stage();
    let client = client(folder.path(), &["./openstack"]);
    assert_eq!(client.events(0).await, Ok(vec![]));
    let call = openstack.calls().remove(0);
    assert_eq!(call.folder, env::current_dir().expect("a folder"));
    assert_eq!(call.stdin, Path::new("/dev/null"));
}

#[test]
fn the_environment_is_handed_on_but_for_what_is_the_service_s_own() {
    const FOLDER: &str = "OPENSTACK_CLIENT_TEST_FOLDER";
    // A process cannot safely change its own environment: this test is run again in one.
    if let Some(folder) = env::var_os(FOLDER) {
        let client = client(Path::new(&folder), &["./openstack"]);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        assert_eq!(runtime.block_on(client.events(0)), Ok(vec![]));
        return;
    }
    let (folder, openstack, _) = stage();
    let name = "openstack_client::environment::\
                the_environment_is_handed_on_but_for_what_is_the_service_s_own";
    let again = Command::new(env::current_exe().expect("this program"))
        .args(["--exact", name])
        .env(FOLDER, folder.path())
        .envs([
            ("OS_CLOUD", "tenant-a"),
            ("OS_PASSWORD", " s3cret\n$x"),
            ("NOTIFY_SOCKET", "/run/notify"),
            ("WATCHDOG_USEC", "30000000"),
            ("LISTEN_FDS", "1"),
            ("CREDENTIALS_DIRECTORY", "/run/credentials"),
        ])
        .output()
        .expect("this program");
    assert!(again.status.success(), "{again:?}");
    let call = openstack.calls().remove(0);
    for name in ["PATH", "HOME"] {
        assert_eq!(call.env.get(name).cloned(), env::var(name).ok(), "{name}");
    }
    assert_eq!(call.env["OS_CLOUD"], "tenant-a");
    assert_eq!(call.env["OS_PASSWORD"], " s3cret\n$x");
    for name in [
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
        "LISTEN_FDS",
        "CREDENTIALS_DIRECTORY",
    ] {
        assert_eq!(call.env.get(name), None, "{name}");
    }
}
