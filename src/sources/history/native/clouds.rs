//! Where the settings of a cloud are, in the order in which the `openstack` program looks: the `OS_*`
//! variables that are its options, over `clouds.yaml` with `secure.yaml` over it and a profile of
//! `clouds-public.yaml` under it. Without the name of a cloud, any variable but those that choose
//! among clouds makes the variables the cloud, and the file is not looked at.
//!
//! `tests/data/clouds` has what the program made of 298 cases. Where it passes over a
//! broken file with a warning, this is an error: the user named a cloud, and would get another. What
//! is read, and from where, are arguments.

mod overrides;
mod regions;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::yaml::{self, Section, Setting};
use crate::sources::history::native::problem::{CloudProblem, Origin};

pub(super) use overrides::variable;

/// The process's environment.
pub type Variables = BTreeMap<String, String>;

/// Reads a file as text.
pub(super) type Read<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// What files may end with; JSON is YAML.
const SUFFIXES: [&str; 3] = ["yaml", "yml", "json"];

/// Variables that choose a cloud and describe none.
const SELECTORS: [&str; 5] = [
    "OS_CLOUD",
    "OS_REGION_NAME",
    "OS_CLIENT_CONFIG_FILE",
    "OS_CLIENT_SECURE_FILE",
    "OS_CLOUD_NAME",
];

/// A cloud's settings, and where they are from.
pub(super) struct Chosen {
    pub(super) origin: Origin,
    pub(super) written: Section,
    /// What environment variables set: it overrides the cloud's settings.
    pub(super) overridden: Vec<&'static str>,
}

/// The settings of the cloud with this name, of the one that `OS_CLOUD` names, of the `OS_*`
/// variables if they describe one, or of the only cloud there is in `clouds.yaml`.
pub(super) fn choose(
    name: Option<&str>,
    variables: &Variables,
    read: Read<'_>,
) -> Result<Chosen, CloudProblem> {
    let files = Files { variables, read };
    let describing = describing(variables);
    let of_variables = !describing.is_empty()
        && name
            .or_else(|| set(variables, "OS_CLOUD"))
            .is_none_or(|name| name == name_of_variables(variables));
    let (mut origin, cloud) = if of_variables {
        let named = name.is_some() || set(variables, "OS_CLOUD").is_some();
        let because = (!named).then(|| describing[0].to_owned());
        (Origin::Variables { because }, of_variables_alone(variables))
    } else {
        of_files(name.or_else(|| set(variables, "OS_CLOUD")), &files)?
    };
    let cloud = files.over_profile(&origin, cloud)?;
    let mut cloud = regions::in_region(&origin, cloud, set(variables, "OS_REGION_NAME"))?;
    let overridden = overrides::lay_over(&mut cloud, variables);
    if let Origin::File { source, .. } = &mut origin
        && !overridden.is_empty()
    {
        let names: Vec<_> = overridden.iter().map(|option| variable(option)).collect();
        *source = format!("{source}, with `{}` over it", names.join("`, `"));
    }
    Ok(Chosen {
        origin,
        written: cloud,
        overridden,
    })
}

/// The variables that describe a cloud, even those that are empty.
fn describing(variables: &Variables) -> Vec<&str> {
    let names = variables.keys().map(String::as_str);
    names
        .filter(|name| {
            name.starts_with("OS_")
                && !["OS_TEST", "OS_STD", "OS_LOG"]
                    .iter()
                    .any(|other| name.starts_with(other))
                && !SELECTORS.contains(name)
        })
        .collect()
}

/// What the cloud that the variables describe is called.
fn name_of_variables(variables: &Variables) -> &str {
    variables
        .get("OS_CLOUD_NAME")
        .map_or("envvars", String::as_str)
}

/// Of the files in which the settings of clouds are looked for, those that hold a secret, each with
/// what the secret is called there. What cannot be read or understood is left out.
pub(super) fn secret_files(variables: &Variables, read: Read<'_>) -> Vec<(&'static str, PathBuf)> {
    let files = Files { variables, read };
    let found = [files.clouds(), files.secure()].into_iter();
    found
        .filter_map(|found| {
            let (path, section) = found.ok().flatten()?;
            Some((yaml::secret_in(&section)?, path))
        })
        .collect()
}

/// A variable that is not empty.
fn set<'a>(variables: &'a Variables, name: &str) -> Option<&'a str> {
    variables
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

fn of_variables_alone(variables: &Variables) -> Section {
    let settings = variables.iter().filter_map(|(name, value)| {
        let key = name.strip_prefix("OS_")?.to_ascii_lowercase();
        Some((key, Setting::Text(value.clone())))
    });
    settings.collect()
}

fn of_files(name: Option<&str>, files: &Files<'_>) -> Result<(Origin, Section), CloudProblem> {
    let Some((path, mut file)) = files.clouds()? else {
        return Err(files.nothing_found(name));
    };
    let mut source = path.display().to_string();
    if let Some((secure_path, secure)) = files.secure()? {
        yaml::lay_over(&mut file, secure);
        source = format!("{source}, {}", secure_path.display());
    }
    let Some(Setting::Section(mut clouds)) = file.remove("clouds") else {
        return Err(CloudProblem::new(
            format!("expected a mapping `clouds` in {source}, but found none"),
            "write the cloud below `clouds:`, as the dashboard's own clouds.yaml has it",
        ));
    };
    let reserved = name_of_variables(files.variables);
    if clouds.contains_key(reserved) {
        return Err(CloudProblem::new(
            format!(
                "{source} has a cloud `{reserved}`, which is what the cloud of the variables is called \
                 (`OS_CLOUD_NAME`)"
            ),
            "give it another name",
        ));
    }
    let names = clouds.keys().cloned().collect::<Vec<_>>().join("`, `");
    let chosen = match name {
        Some(name) => name.to_owned(),
        None if clouds.len() == 1 => names.clone(),
        None => {
            return Err(CloudProblem::new(
                format!("expected the name of a cloud, and {source} has `{names}`"),
                "choose one with `--cloud NAME` or `OS_CLOUD`",
            ));
        }
    };
    let cloud = match clouds.remove(&chosen) {
        Some(Setting::Section(cloud)) => cloud,
        Some(other) => {
            return Err(CloudProblem::new(
                format!(
                    "expected a mapping for cloud `{chosen}` in {source}, but found {}",
                    other.kind()
                ),
                "write its `auth:` and the rest below its name",
            ));
        }
        None => {
            return Err(CloudProblem::new(
                format!("no cloud `{chosen}` in {source}: it has `{names}`"),
                "correct `--cloud` or `OS_CLOUD`, or name another file with `OS_CLIENT_CONFIG_FILE`",
            ));
        }
    };
    let origin = Origin::File {
        cloud: chosen,
        source,
    };
    let cloud = plain(&origin, cloud)?;
    Ok((origin, cloud))
}

/// The settings with underscores in their names.
fn plain(origin: &Origin, section: Section) -> Result<Section, CloudProblem> {
    yaml::with_underscores(section).map_err(|key| {
        CloudProblem::new(
            format!("{origin} has `{key}` with `_` and with `-`"),
            "remove one of them",
        )
    })
}

struct Files<'a> {
    variables: &'a Variables,
    read: Read<'a>,
}

/// A file with its path, if there is one.
type Found = Result<Option<(PathBuf, Section)>, CloudProblem>;

impl Files<'_> {
    fn clouds(&self) -> Found {
        self.first("clouds", Some("OS_CLIENT_CONFIG_FILE"))
    }

    /// What is laid over it.
    fn secure(&self) -> Found {
        self.first("secure", Some("OS_CLIENT_SECURE_FILE"))
    }

    /// The first file of this name there is, of those that may be read.
    fn first(&self, stem: &str, variable: Option<&str>) -> Found {
        let named = variable.and_then(|variable| Some((variable, set(self.variables, variable)?)));
        let places = match named {
            Some((_, path)) => vec![PathBuf::from(path)],
            None => self
                .folders()
                .iter()
                .flat_map(|folder| SUFFIXES.map(|suffix| folder.join(format!("{stem}.{suffix}"))))
                .collect(),
        };
        for path in places {
            match ((self.read)(&path), named) {
                (Ok(text), _) => {
                    let json = path.extension().is_some_and(|end| end == "json");
                    let section = yaml::read(&text, json).map_err(|what| {
                        CloudProblem::new(
                            format!("failed to read {}: {what}", path.display()),
                            "correct the file",
                        )
                    })?;
                    return Ok(Some((path, section)));
                }
                (Err(error), Some((variable, _))) => {
                    return Err(CloudProblem::new(
                        format!("failed to read {} (`{variable}`): {error}", path.display()),
                        &format!("correct `{variable}`, or unset it"),
                    ));
                }
                // As openstacksdk does: what only root may read is not meant for this user.
                (Err(error), None)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::NotFound
                            | io::ErrorKind::NotADirectory
                            | io::ErrorKind::PermissionDenied
                    ) => {}
                (Err(error), None) => {
                    return Err(CloudProblem::new(
                        format!("failed to read {}: {error}", path.display()),
                        "correct or remove the file",
                    ));
                }
            }
        }
        Ok(None)
    }

    /// Where openstacksdk looks, in its order; the first is the working folder.
    fn folders(&self) -> Vec<PathBuf> {
        let home = set(self.variables, "HOME").map(|home| Path::new(home).join(".config"));
        let config = set(self.variables, "XDG_CONFIG_HOME").map(PathBuf::from);
        let site = set(self.variables, "XDG_CONFIG_DIRS").map_or("/etc/xdg".into(), PathBuf::from);
        let roots = [config, home, Some(site), Some("/etc".into())];
        let roots = roots.into_iter().flatten();
        std::iter::once(PathBuf::new())
            .chain(roots.map(|root| root.join("openstack")))
            .collect()
    }

    fn nothing_found(&self, name: Option<&str>) -> CloudProblem {
        let what = match name {
            Some(name) => format!("found no settings for cloud `{name}`"),
            None => "found no settings: no `OS_*` variable describes a cloud".to_owned(),
        };
        let places = self.folders().into_iter();
        let places: Vec<_> = places
            .map(|folder| folder.join("clouds.yaml").display().to_string())
            .collect();
        CloudProblem::new(
            format!("{what}, and there is no readable {}", places.join(", ")),
            "download clouds.yaml from the dashboard (API Access) into one of these places, or \
             source the RC file",
        )
    }

    /// The cloud's settings over those of the profile that it names.
    fn over_profile(&self, origin: &Origin, mut cloud: Section) -> Result<Section, CloudProblem> {
        let old_name = cloud.remove("cloud");
        let profile = match cloud.remove("profile").or(old_name) {
            None | Some(Setting::Unset) => return Ok(cloud),
            Some(Setting::Text(profile))
                if profile.is_empty() || profile == name_of_variables(self.variables) =>
            {
                return Ok(cloud);
            }
            Some(Setting::Text(profile)) => profile,
            Some(other) => {
                return Err(CloudProblem::new(
                    format!(
                        "expected a name as `profile` of {origin}, but found {}",
                        other.kind()
                    ),
                    "name a profile of clouds-public.yaml",
                ));
            }
        };
        let public = self.first("clouds-public", None)?;
        let profiles = public.and_then(|(_, mut file)| file.remove("public-clouds"));
        let found = match profiles {
            Some(Setting::Section(mut profiles)) => profiles.remove(&profile),
            _ => None,
        };
        let Some(Setting::Section(found)) = found else {
            return Err(CloudProblem::new(
                format!("{origin} names the profile `{profile}`, which no clouds-public.yaml has"),
                "write the profile's settings into the cloud itself, or use `client = openstack`",
            ));
        };
        let mut under = plain(origin, found)?;
        if cloud.contains_key("region_name") {
            under.remove("regions");
        }
        yaml::lay_over(&mut under, cloud);
        Ok(under)
    }
}

#[cfg(test)]
mod tests;
