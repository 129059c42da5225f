//! The program as a user whom the kernel refuses things, though the tests may run as root.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use super::stage::{Stage, program};

/// Such a user.
pub(crate) struct Ordinary {
    /// Nobody else has it, so that limits of one scenario are no others'; `None` if the tests do not
    /// run as root anyway.
    uid: Option<u32>,
}

impl Ordinary {
    /// A user with this id, which each scenario has to have for itself. The stage is theirs from now on.
    pub(crate) fn owning(stage: &Stage, uid: u32) -> Self {
        let folder = stage.path("");
        let root = fs::metadata(&folder).expect("a folder").uid() == 0;
        let user = Self {
            uid: root.then_some(uid),
        };
        stage.config();
        if root {
            // It may lie where only root may look.
            fs::copy(program(), user.program(stage)).expect("a copy of the program");
            let owner = format!("{uid}:{uid}");
            let changed = Command::new("chown")
                .args(["-R", &owner])
                .arg(folder)
                .status();
            assert!(changed.expect("chown").success());
        }
        user
    }

    fn program(&self, stage: &Stage) -> std::path::PathBuf {
        match self.uid {
            Some(_) => stage.path(&program().file_name().expect("a name").to_string_lossy()),
            None => program().to_owned(),
        }
    }

    /// The same command of the program, by this user. Its process is the one that is started.
    pub(crate) fn runs(&self, stage: &Stage, command: &Command) -> Command {
        let mut theirs = match self.uid {
            Some(uid) => {
                let mut setpriv = Command::new("setpriv");
                setpriv
                    .arg(format!("--reuid={uid}"))
                    .arg(format!("--regid={uid}"))
                    .args(["--clear-groups", "--"])
                    .arg(self.program(stage));
                setpriv
            }
            None => Command::new(program()),
        };
        theirs.args(command.get_args()).current_dir("/");
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => theirs.env(name, value),
                None => theirs.env_remove(name),
            };
        }
        theirs
    }
}
