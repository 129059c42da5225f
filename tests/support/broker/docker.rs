//! A broker in a container, by testcontainers.

use std::mem::ManuallyDrop;
use std::process::Command;
use std::time::Duration;

use futures_util::StreamExt as _;
use testcontainers::bollard::Docker;
use testcontainers::bollard::models::PortBinding;
use testcontainers::bollard::query_parameters::CreateImageOptionsBuilder;
use testcontainers::core::client::docker_client_instance;
use testcontainers::core::{ExecCommand, IntoContainerPort as _};
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerAsync, CopyTargetOptions, GenericImage, ImageExt as _};

use super::reaper::Reaper;
use super::{
    ERLANG_ARGUMENTS, SHUTDOWN_LIMIT, ServerTls, apart, free_port, run_script, say, unique_name,
};

/// What `scripts/rabbitmq-image` builds.
const BUILT: (&str, &str) = ("esi-event-actions-rabbitmq", "debian");

/// The official image; a series that still has the transient queues of older oslo.messaging.
const OFFICIAL: (&str, &str) = ("rabbitmq", "3.13");

/// An engine that has not said anything for so long does not answer.
const PING_LIMIT: Duration = Duration::from_secs(10);

/// A registry that has not begun to send an image for so long does not answer.
const REGISTRY_LIMIT: Duration = Duration::from_secs(20);

/// An image of which nothing has come for so long is given up.
const STALL_LIMIT: Duration = Duration::from_secs(120);

/// A container with a broker in it.
pub(super) struct Container {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls_port: Option<u16>,
    // Removed by the reaper alone, so that there is one way and not two.
    inner: ManuallyDrop<ContainerAsync<GenericImage>>,
    _reaper: Reaper,
}

/// Whether there is an engine to work with, and if not, why.
pub(super) fn engine() -> Result<(), String> {
    let by_api = apart(|| async {
        let docker = client().await?;
        let info = docker.info();
        let info = tokio::time::timeout(PING_LIMIT, info)
            .await
            .map_err(|_| "the engine does not answer".to_owned())?;
        info.map(|info| info.id)
            .map_err(|why| format!("no engine answers: {why}"))
    })?;
    // The reaper has the `docker` command only, and that may be set to another engine.
    let by_command = Command::new("docker")
        .args(["info", "--format", "{{.ID}}"])
        .output()
        .map_err(|why| {
            format!("an engine answers, but the `docker` command cannot be started: {why}")
        })?;
    let by_command = String::from_utf8_lossy(&by_command.stdout)
        .trim()
        .to_owned();
    if by_api.as_deref() == Some(by_command.as_str()) {
        Ok(())
    } else {
        Err("an engine answers, but the `docker` command does not reach the same one; set DOCKER_HOST".to_owned())
    }
}

impl Container {
    /// Creates and starts a container, on a port of the host that it keeps.
    pub(super) fn create(tls: Option<&ServerTls<'_>>) -> Result<Self, String> {
        let (image, tag) = image()?;
        // Somebody may take the port between our look and the engine's.
        let mut last = String::new();
        for _ in 0..5 {
            match Self::create_on(free_port(), image, tag, tls) {
                Ok(container) => {
                    say(&format!(
                        "broker: {image}:{tag} in Docker at {}:{}",
                        container.host, container.port
                    ));
                    return Ok(container);
                }
                Err(why)
                    if why.contains("port is already allocated")
                        || why.contains("address already in use") =>
                {
                    last = why;
                }
                Err(why) => return Err(why),
            }
        }
        Err(last)
    }

    fn create_on(
        port: u16,
        image: &str,
        tag: &str,
        tls: Option<&ServerTls<'_>>,
    ) -> Result<Self, String> {
        let tls_port = tls.map(|_| free_port());
        let name = unique_name();
        // More than once: the engine may be in the middle of creating it when this process is killed.
        // Unfrozen first: not every engine removes a frozen container.
        let reaper = Reaper::arm(
            "for pause in 0 3 3; do sleep $pause; docker container inspect \"$1\" || continue; \
             docker unpause \"$1\"; docker rm -f -v \"$1\" && break; done",
            &[&name],
        );
        let (container, host) = apart(|| async {
            let remote = is_remote();
            let mut request = GenericImage::new(image, tag)
                .with_container_name(&name)
                .with_mapped_port(port, 5672.tcp())
                .with_env_var("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", ERLANG_ARGUMENTS)
                .with_host_config_modifier(move |config| {
                    // guest/guest is for this machine only, unless the engine is on another.
                    let host_ip = (!remote).then(|| "127.0.0.1".to_owned());
                    let binding = |inside: &str, port: u16| {
                        let binding = PortBinding {
                            host_ip: host_ip.clone(),
                            host_port: Some(port.to_string()),
                        };
                        (inside.to_owned(), Some(vec![binding]))
                    };
                    let mut bindings = vec![binding("5672/tcp", port)];
                    bindings.extend(tls_port.map(|port| binding("5671/tcp", port)));
                    config.port_bindings = Some(bindings.into_iter().collect());
                });
            if let (Some(tls), Some(tls_port)) = (tls, tls_port) {
                let lines = ServerTls::settings("5671", |file| format!("/etc/rabbitmq/tls/{file}"));
                request = request
                    .with_mapped_port(tls_port, 5671.tcp())
                    .with_copy_to("/etc/rabbitmq/conf.d/90-tls.conf", lines.into_bytes());
                for (file, path) in tls.files() {
                    // Not root's alone: the broker is another user.
                    let target = CopyTargetOptions::new(format!("/etc/rabbitmq/tls/{file}"));
                    request = request.with_copy_to(target.with_mode(0o644), path);
                }
            }
            let container = request.start().await.map_err(|why| why.to_string())?;
            let host = if remote {
                container
                    .get_host()
                    .await
                    .map_err(|why| why.to_string())?
                    .to_string()
            } else {
                "127.0.0.1".to_owned()
            };
            Ok::<_, String>((container, host))
        })?;
        Ok(Self {
            host,
            port,
            tls_port,
            inner: ManuallyDrop::new(container),
            _reaper: reaper,
        })
    }

    pub(super) fn stop(&self) {
        let seconds = i32::try_from(SHUTDOWN_LIMIT.as_secs()).expect("a minute fits");
        apart(|| self.inner.stop_with_timeout(Some(seconds)))
            .expect("the broker's container stops");
    }

    pub(super) fn start(&self) {
        apart(|| self.inner.start()).expect("the broker's container starts again");
    }

    pub(super) fn pause(&self) {
        apart(|| self.inner.pause()).expect("the broker's container freezes");
    }

    pub(super) fn unpause(&self) {
        apart(|| self.inner.unpause()).expect("the broker's container goes on");
    }

    pub(super) fn rabbitmqctl(&self, arguments: &[&str]) -> String {
        let command = std::iter::once("rabbitmqctl").chain(arguments.iter().copied());
        apart(|| async {
            let mut call = self
                .inner
                .exec(ExecCommand::new(command))
                .await
                .expect("rabbitmqctl starts");
            let output = call.stdout_to_vec().await.expect("rabbitmqctl can be read");
            let complaint = call.stderr_to_vec().await.expect("rabbitmqctl can be read");
            let status = call.exit_code().await.expect("rabbitmqctl has a status");
            assert_eq!(
                status,
                Some(0),
                "rabbitmqctl {arguments:?}: {}",
                String::from_utf8_lossy(&complaint)
            );
            String::from_utf8(output).expect("rabbitmqctl speaks UTF-8")
        })
    }

    pub(super) fn has_ended(&self) -> bool {
        !apart(|| self.inner.is_running()).unwrap_or(true)
    }

    pub(super) fn log(&self) -> String {
        apart(|| self.inner.stdout_to_vec()).map_or_else(
            |why| why.to_string(),
            |log| String::from_utf8_lossy(&log).into_owned(),
        )
    }
}

/// An image that the engine has: ours, else the official one, pulled; else ours, built.
fn image() -> Result<(&'static str, &'static str), String> {
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    for image in [BUILT, OFFICIAL] {
        if apart(|| is_present(image))? {
            return Ok(image);
        }
    }
    let (name, tag) = OFFICIAL;
    say(&format!("broker: pulling {name}:{tag}"));
    match apart(|| pull(OFFICIAL)) {
        Ok(()) => Ok(OFFICIAL),
        Err(why) => {
            say(&format!(
                "broker: {name}:{tag} cannot be pulled ({why}); building an image instead"
            ));
            run_script("rabbitmq-image", &[])?;
            Ok(BUILT)
        }
    }
}

async fn is_present((name, tag): (&str, &str)) -> Result<bool, String> {
    use testcontainers::bollard::errors::Error;

    match client()
        .await?
        .inspect_image(&format!("{name}:{tag}"))
        .await
    {
        Ok(_) => Ok(true),
        Err(Error::DockerResponseServerError {
            status_code: 404, ..
        }) => Ok(false),
        Err(why) => Err(format!("failed to look for {name}:{tag}: {why}")),
    }
}

/// A slow registry is waited for, a silent one is not.
async fn pull((name, tag): (&str, &str)) -> Result<(), String> {
    let docker = client().await?;
    let options = CreateImageOptionsBuilder::new()
        .from_image(name)
        .tag(tag)
        .build();
    let mut progress = std::pin::pin!(docker.create_image(Some(options), None, None));
    let mut patience = REGISTRY_LIMIT;
    loop {
        match tokio::time::timeout(patience, progress.next()).await {
            Ok(Some(Ok(_))) => patience = STALL_LIMIT,
            Ok(Some(Err(why))) => return Err(why.to_string()),
            Ok(None) => return Ok(()),
            Err(_) => return Err(format!("no answer for {patience:?}")),
        }
    }
}

/// The engine that testcontainers works with: `DOCKER_HOST`, else the usual sockets. Engines behind
/// TLS are not among them: testcontainers is built without it.
async fn client() -> Result<Docker, String> {
    docker_client_instance()
        .await
        .map_err(|why| format!("no engine answers: {why}"))
}

fn is_remote() -> bool {
    std::env::var("DOCKER_HOST").is_ok_and(|host| !host.starts_with("unix:"))
}
