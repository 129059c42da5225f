//! A broker as a private node of the system's `rabbitmq-server` package, on loopback only.

use std::fs::{self, File};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::reaper::Reaper;
use super::{ERLANG_ARGUMENTS, SHUTDOWN_LIMIT, ServerTls, free_port, run_script, say, unique_name};

/// The package's own programs. Debian's wrappers of the same names on the `PATH` would change to
/// the user and the folders of the system's broker.
const PROGRAMS: &str = "/usr/lib/rabbitmq/bin";

/// A node with its folder and its port mapper. The mapper leads a process group that the node joins
/// at each start, so that one signal reaches whatever there is.
pub(super) struct Node {
    pub(super) port: u16,
    pub(super) tls_port: Option<u16>,
    distribution_port: u16,
    name: String,
    folder: PathBuf,
    mapper: Mapper,
    server: Mutex<Option<Child>>,
    reaper: Option<Reaper>,
}

/// An `epmd` of the node's own, through which `rabbitmqctl` finds it.
struct Mapper {
    process: Child,
    group: Pid,
    port: u16,
}

impl Node {
    /// Starts a node on free ports, after installing the package if it is missing.
    pub(super) fn create(tls: Option<&ServerTls<'_>>) -> Result<Self, String> {
        install()?;
        let name = unique_name();
        let folder = std::env::temp_dir().join(&name);
        let mapper = Mapper::start()?;
        // The folder can be removed once the last of the group is dead, a moment after the signal.
        let reaper = Reaper::arm(
            "kill -s KILL -- \"-$1\"; \
             for pause in 0 0.1 0.3 1 3; do sleep $pause; rm -rf \"$2\" && break; done",
            &[
                &mapper.group.as_raw_nonzero().to_string(),
                &folder.to_string_lossy(),
            ],
        );
        let tls_port = tls.map(|_| free_port());
        lay_out(&folder, tls.zip(tls_port))
            .map_err(|why| format!("failed to lay out {}: {why}", folder.display()))?;
        let port = free_port();
        let node = Self {
            port,
            tls_port,
            distribution_port: free_port(),
            name: format!("{name}@localhost"),
            folder,
            mapper,
            server: Mutex::new(None),
            reaper: Some(reaper),
        };
        node.start();
        say(&format!(
            "broker: a node of the package rabbitmq-server at 127.0.0.1:{port}"
        ));
        Ok(node)
    }

    pub(super) fn start(&self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file())
            .expect("the node's log can be written");
        let errors = log.try_clone().expect("the node's log can be shared");
        let server = self
            .command("rabbitmq-server")
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(self.mapper.group.as_raw_nonzero().get())
            .spawn()
            .expect("rabbitmq-server starts");
        let earlier = self.server().replace(server);
        assert!(
            earlier.is_none(),
            "the broker is stopped before it is started again"
        );
    }

    pub(super) fn stop(&self) {
        let mut server = self.server().take().expect("the broker is running");
        kill_process(Pid::from_child(&server), Signal::TERM).expect("the node can be signalled");
        let started = Instant::now();
        while server
            .try_wait()
            .expect("the node can be waited for")
            .is_none()
        {
            assert!(
                started.elapsed() < SHUTDOWN_LIMIT,
                "the broker does not shut down:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn pause(&self) {
        kill_process_group(self.mapper.group, Signal::STOP).expect("the node can be signalled");
        // The signal takes effect a moment later, thread by thread.
        while !is_halted(self.mapper.group) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(super) fn unpause(&self) {
        kill_process_group(self.mapper.group, Signal::CONT).expect("the node can be signalled");
    }

    pub(super) fn rabbitmqctl(&self, arguments: &[&str]) -> String {
        let output = self
            .command("rabbitmqctl")
            .args(arguments)
            .output()
            .expect("rabbitmqctl starts");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "rabbitmqctl {arguments:?}: {}\n{complaint}",
            output.status
        );
        String::from_utf8(output.stdout).expect("rabbitmqctl speaks UTF-8")
    }

    pub(super) fn has_ended(&self) -> bool {
        self.server()
            .as_mut()
            .is_none_or(|server| !matches!(server.try_wait(), Ok(None)))
    }

    pub(super) fn log(&self) -> String {
        fs::read(self.log_file()).map_or_else(
            |why| why.to_string(),
            |log| String::from_utf8_lossy(&log).into_owned(),
        )
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("node.log")
    }

    fn server(&self) -> MutexGuard<'_, Option<Child>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One of the package's programs in the node's surroundings, and in no others.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(Path::new(PROGRAMS).join(program));
        for (variable, _) in std::env::vars_os() {
            let name = variable.to_string_lossy();
            // systemd's socket would make the server another kind of process.
            if name.starts_with("RABBITMQ_") || name.starts_with("ERL_") || name == "NOTIFY_SOCKET"
            {
                command.env_remove(&variable);
            }
        }
        command
            .current_dir(&self.folder)
            // Erlang's cookie lies in the home folder.
            .env("HOME", &self.folder)
            .env("ERL_EPMD_PORT", self.mapper.port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODENAME", &self.name)
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_DIST_PORT", self.distribution_port.to_string())
            .env("RABBITMQ_MNESIA_BASE", self.folder.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", self.folder.join("log"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_PID_FILE", self.folder.join("pid"))
            .env(
                "RABBITMQ_CONF_ENV_FILE",
                self.folder.join("rabbitmq-env.conf"),
            )
            .env("RABBITMQ_CONFIG_FILE", self.folder.join("rabbitmq.conf"))
            .env(
                "RABBITMQ_ADVANCED_CONFIG_FILE",
                self.folder.join("advanced.config"),
            )
            .env(
                "RABBITMQ_GENERATED_CONFIG_DIR",
                self.folder.join("generated"),
            )
            .env(
                "RABBITMQ_ENABLED_PLUGINS_FILE",
                self.folder.join("enabled_plugins"),
            )
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                format!("{ERLANG_ARGUMENTS} -kernel inet_dist_use_interface {{127,0,0,1}}"),
            );
        command
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.reaper.take());
        // Both are dead by now; waiting takes them off the table of processes.
        let mut processes: Vec<&mut Child> = vec![&mut self.mapper.process];
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        processes.extend(server.as_mut());
        for process in processes {
            if let Err(error) = process.wait() {
                say(&format!("failed to wait for the broker's end: {error}"));
            }
        }
    }
}

impl Mapper {
    fn start() -> Result<Self, String> {
        // Somebody may take the port between our look and the mapper's.
        for _ in 0..5 {
            let port = free_port();
            let mut process = Command::new("epmd")
                .args(["-address", "127.0.0.1", "-port", &port.to_string()])
                .current_dir("/")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .process_group(0)
                .spawn()
                .map_err(|why| format!("failed to start epmd, which Erlang brings: {why}"))?;
            while process.try_wait().map_err(|why| why.to_string())?.is_none() {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    let group = Pid::from_child(&process);
                    return Ok(Self {
                        process,
                        group,
                        port,
                    });
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        Err("epmd found no free port".to_owned())
    }
}

/// Whether every thread of every process in the group has stopped, or ended.
fn is_halted(group: Pid) -> bool {
    let group = group.as_raw_nonzero().to_string();
    let tasks = glob::glob("/proc/[0-9]*/task/[0-9]*/stat").expect("a pattern");
    tasks.flatten().all(|stat| {
        // Whoever is gone meanwhile does nothing any more.
        let stat = fs::read_to_string(stat).unwrap_or_default();
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        let mut fields = fields.split(' ');
        let (state, of_group) = (fields.next(), fields.nth(1));
        of_group != Some(group.as_str()) || matches!(state, Some("T" | "Z" | "X"))
    })
}

/// The files that would otherwise be looked for in `/etc/rabbitmq`.
fn lay_out(folder: &Path, tls: Option<(&ServerTls<'_>, u16)>) -> std::io::Result<()> {
    fs::create_dir(folder)?;
    fs::write(folder.join("rabbitmq-env.conf"), "")?;
    let mut settings = String::new();
    if let Some((tls, port)) = tls {
        for (file, path) in tls.files() {
            fs::copy(path, folder.join(file))?;
        }
        settings = ServerTls::settings(&format!("127.0.0.1:{port}"), |file| {
            folder.join(file).display().to_string()
        });
    }
    fs::write(folder.join("rabbitmq.conf"), settings)?;
    fs::write(folder.join("advanced.config"), "[].\n")?;
    fs::write(folder.join("enabled_plugins"), "[].\n")
}

/// Installs the package, for all who may need it at once.
fn install() -> Result<(), String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Path::new(PROGRAMS).join("rabbitmq-server");
    if server.exists() {
        return Ok(());
    }
    run_script("install-packages", &["rabbitmq-server"])?;
    if server.exists() {
        Ok(())
    } else {
        Err(format!(
            "{} is missing though the package rabbitmq-server is installed",
            server.display()
        ))
    }
}
