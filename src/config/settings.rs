//! A configuration, validated: the values everything else is built from.
//!
//! Nothing here is checked again later, and nothing here can show a password.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::core::address::Address;
use crate::core::retention::Retention;
use crate::core::rules::RuleSet;

use super::action::RuleAction;
use crate::core::ini::merged::MergedOption;
use crate::core::ini::problem::Problems;
use crate::core::ini::text::Position;

/// What came of reading a configuration file; `F` says how to reach the feed it was read for, `A` is what a rule
/// does.
#[derive(Debug)]
pub struct Reading<F, A> {
    /// The configuration, unless there is an error among the problems.
    pub config: Option<Config<F, A>>,
    /// The actions of the rules, for the check whether they can be performed.
    pub actions: Vec<RuleAction<A>>,
    /// Where the file itself holds a secret, for the check of who may read it.
    pub secret: Option<SecretPlace>,
    /// All errors and warnings.
    pub problems: Problems,
}

/// Where the file holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretPlace {
    /// The option.
    pub option: String,
    /// The section that it stands in.
    pub section: String,
    /// Of the option's name.
    pub position: Position,
}

/// What a file is for that the configuration names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It is run: nobody else may change it.
    Program,
    /// It holds the secret of this option: nobody else may read or change it.
    Secret(&'static str),
}

/// A whole configuration; `F` says how to reach the feed it was read for, `A` is what a rule does.
#[derive(Clone, Debug)]
pub struct Config<F, A> {
    /// The file it was read from.
    pub path: PathBuf,
    /// The bus, the event history, or nothing.
    pub feed: F,
    /// Where the journal lies, if the file says so.
    pub state_dir: Option<PathBuf>,
    /// How many attempts are under way at once, over all keys.
    pub max_parallel: usize,
    /// How long attempts under way may take to finish when the service stops.
    pub stop_timeout: Duration,
    /// Where `listen` tells of metrics and health, if it does.
    pub http: Option<Address>,
    /// How long finished things are kept.
    pub retention: Retention,
    /// The rules, in the order of the file.
    pub rules: RuleSet,
    /// What each of them does, by name.
    pub actions: HashMap<String, A>,
    /// What the file says of the service itself, to tell whether that has changed.
    pub service: Fingerprints,
}

/// Options by name with a hash of what each says, so that no secret is kept for comparing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fingerprints(BTreeMap<String, u64>);

impl Fingerprints {
    pub(super) fn of<'a>(options: impl Iterator<Item = (&'a String, &'a MergedOption)>) -> Self {
        let hash = |option: &MergedOption| {
            let mut hasher = DefaultHasher::new();
            option.value.as_str().trim().hash(&mut hasher);
            hasher.finish()
        };
        Self(
            options
                .map(|(name, option)| (name.clone(), hash(option)))
                .collect(),
        )
    }

    /// Without these options.
    #[must_use]
    pub fn without(mut self, is_one: impl Fn(&str) -> bool) -> Self {
        self.0.retain(|name, _| !is_one(name));
        self
    }

    /// The names of the options that `other` has not, has besides, or says something else of.
    #[must_use]
    pub fn changed(&self, other: &Self) -> Vec<String> {
        let names = self.0.keys().chain(other.0.keys()).collect::<BTreeSet<_>>();
        let differs = |name: &&&String| self.0.get(**name) != other.0.get(**name);
        names
            .iter()
            .filter(differs)
            .map(ToString::to_string)
            .collect()
    }
}

impl fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<F, A> Config<F, A> {
    /// The folder of the file: scripts are looked up and run there.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.path.parent().map(PathBuf::from).unwrap_or_default()
    }
}

/// A password, or where to read it each time one is needed.
#[derive(Clone, Debug)]
pub enum Password {
    /// It stands in the configuration.
    Text(SecretString),
    /// The first line of a file.
    File {
        /// As written. A relative one is looked for among the service's credentials
        /// (`$CREDENTIALS_DIRECTORY`, set by systemd) and then in `folder`.
        name: PathBuf,
        /// The configuration file's folder.
        folder: PathBuf,
    },
}
