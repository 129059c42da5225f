//! The first line of a script: what the kernel starts in its place.

use std::io::ErrorKind;
use std::path::Path;

use crate::config::Problem;
use crate::os::program::{interpreter_line, locate};

/// Why a script cannot be interpreted as things stand for this user, though it may be executed.
pub(super) fn problem(file: &Path) -> Option<Problem> {
    let shown = file.display();
    let line = match interpreter_line(file) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return Some(Problem::warning(
                format!(
                    "{shown} may be executed, but not read: that is enough for a binary, not for a script"
                ),
                "let the user of the service read it",
            ));
        }
        read => read.ok()??,
    };
    let line = String::from_utf8_lossy(&line);
    if line.ends_with('\r') {
        return Some(Problem::error(
            format!(
                "the first line of {shown} ends with a carriage return, which is taken for a part of the interpreter's name"
            ),
            "save the file with the line ends of Unix, for example with `dos2unix`",
        ));
    }
    let interpreter = line.split_whitespace().next()?;
    if !interpreter.starts_with('/') {
        return Some(Problem::warning(
            format!(
                "the interpreter `{interpreter}` in the first line of {shown} is looked for in the folder where the script runs"
            ),
            "write its whole path, like `#!/bin/sh`",
        ));
    }
    let unfit = locate(Path::new("/"), interpreter, "script").err()?;
    Some(Problem::error(
        format!(
            "the interpreter in the first line of {shown} cannot be run: {}",
            unfit.what
        ),
        "install it, or correct the first line",
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_first_line_of_a_script_names_what_can_be_run() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("s.sh");
        let cases = [
            ("#!/bin/sh\ntrue\n", None),
            ("#! /bin/sh -e\ntrue\n", None),
            ("\x7fELF", None),
            ("true\n", None),
            ("", None),
            (
                "#!/no/such/python3\n",
                Some("/no/such/python3 does not exist"),
            ),
            ("#!/bin/sh\r\ntrue\r\n", Some("carriage return")),
            ("#!python3\n", Some("`python3`")),
            ("#!/etc/passwd\n", Some("/etc/passwd is not executable")),
        ];
        for (text, part) in cases {
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
            let told = problem(&file).map(|problem| problem.message);
            match (&told, part) {
                (None, None) => {}
                (Some(told), Some(part)) if told.contains(part) => {}
                _ => panic!("{text:?}: {told:?}, expected {part:?}"),
            }
        }
    }
}
