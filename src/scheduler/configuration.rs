//! Reads a KubeSchedulerConfiguration (`kubescheduler.config.k8s.io/v1`), with upstream's defaults and words.
//!
//! Mirrors pkg/scheduler/apis/config (`scheme`, `v1` defaults, `validation`). Leaves out: extenders, the client
//! connection, parallelism and profiling, which are read and mean nothing here.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::api::FieldError;
use crate::api::decode::json_kind;
use crate::api::decode::json_writer::Json;
use crate::api::duration;
use crate::api::validation::Path;

use super::config::{DEFAULT_SCHEDULER, EnabledPlugin, PluginSet, PluginSets, ProfileConfig, SchedulerConfig};
use super::framework::POINTS;
use super::plugin_args;
use super::profile::Profiles;

const VERSION: &str = "kubescheduler.config.k8s.io/v1";
const KIND: &str = "KubeSchedulerConfiguration";
const FIELDS: &[&str] = &[
    "apiVersion",
    "clientConnection",
    "delayCacheUntilActive",
    "enableContentionProfiling",
    "enableProfiling",
    "extenders",
    "kind",
    "leaderElection",
    "parallelism",
    "percentageOfNodesToScore",
    "podInitialBackoffSeconds",
    "podMaxBackoffSeconds",
    "profiles",
];

/// What was found while reading.
#[derive(Default)]
pub(super) struct Findings {
    /// Strict decoding's: fields that nobody knows.
    pub unknown: Vec<String>,
    /// Validation's.
    pub errors: Vec<FieldError>,
}

/// A field's value; `None` where it is absent or null.
pub(super) fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name).filter(|value| !value.is_null())
}

fn wrong(value: &Value, path: &Path, wanted: &str) -> String {
    format!("json: cannot unmarshal {} into Go struct field {KIND}.{path} of type {wanted}", json_kind(value))
}

/// The number of a field.
pub(super) fn number(value: &Value, path: &Path, name: &str, wanted: &str) -> Result<Option<i64>, String> {
    let Some(given) = field(value, name) else { return Ok(None) };
    let whole = given.as_i64().filter(|number| wanted == "int64" || i32::try_from(*number).is_ok());
    whole.map(Some).ok_or_else(|| wrong(given, &path.child(name), wanted))
}

/// The text of a field; empty where it is absent.
pub(super) fn text<'a>(value: &'a Value, path: &Path, name: &str) -> Result<&'a str, String> {
    match field(value, name) {
        None => Ok(""),
        Some(given) => given.as_str().ok_or_else(|| wrong(given, &path.child(name), "string")),
    }
}

/// The items of a field; none where it is absent.
pub(super) fn items<'a>(value: &'a Value, path: &Path, name: &str, of: &str) -> Result<&'a [Value], String> {
    match field(value, name) {
        None => Ok(&[]),
        Some(given) => {
            given.as_array().map(Vec::as_slice).ok_or_else(|| wrong(given, &path.child(name), &format!("[]{of}")))
        }
    }
}

/// Notes the fields of an object that nobody knows.
///
/// # Errors
/// It is no object.
pub(super) fn known(value: &Value, path: &Path, fields: &[&str], found: &mut Findings) -> Result<(), String> {
    let map: &Map<String, Value> = value.as_object().ok_or_else(|| wrong(value, path, "object"))?;
    let unknown = map.keys().filter(|name| !fields.contains(&name.as_str()));
    found.unknown.extend(unknown.map(|name| format!("unknown field \"{}\"", path.child(name))));
    Ok(())
}

impl SchedulerConfig {
    /// Reads a configuration; `null` is upstream's own.
    ///
    /// # Errors
    /// What kube-scheduler says before it exits.
    pub fn read(value: &Value) -> Result<Self, String> {
        let mut config = SchedulerConfig { source: value.clone(), ..SchedulerConfig::default() };
        if value.is_null() {
            return Ok(config);
        }
        let root = Path::new("");
        let (version, kind) = (text(value, &root, "apiVersion")?, text(value, &root, "kind")?);
        for (what, given) in [("Kind", kind), ("apiVersion", version)] {
            if given.is_empty() {
                return Err(format!("Object '{what}' is missing in '{}'", value.json()));
            }
        }
        if (version, kind) != (VERSION, KIND) {
            return Err(format!("no kind {kind:?} is registered for version {version:?}"));
        }
        let mut found = Findings::default();
        known(value, &root, FIELDS, &mut found)?;
        config.read_numbers(value, &root, &mut found)?;
        config.read_leader_election(value, &root)?;
        let profiles = items(value, &root, "profiles", "KubeSchedulerProfile")?;
        if !profiles.is_empty() {
            config.profiles.clear();
        }
        let path = root.child("profiles");
        for (index, profile) in profiles.iter().enumerate() {
            let (path, alone) = (path.index(index), profiles.len() == 1);
            let profile = read_profile(profile, &path, alone, &mut found)?;
            if let Some(same) = config.profiles.iter().position(|other| other.scheduler_name == profile.scheduler_name)
            {
                let first = format!("profiles[{same}].schedulerName");
                found.errors.push(FieldError::duplicate(&path.child("schedulerName"), first));
            }
            config.profiles.push(profile);
        }
        if !items(value, &root, "extenders", "Extender")?.is_empty() {
            found.errors.push(FieldError::forbidden(&root.child("extenders"), "this simulation has no extenders"));
        }
        if !found.unknown.is_empty() {
            return Err(format!("strict decoding error: {}", found.unknown.join(", ")));
        }
        aggregate(&found.errors)?;
        Profiles::build(&config.profiles)?;
        Ok(config)
    }

    fn read_numbers(&mut self, value: &Value, root: &Path, found: &mut Findings) -> Result<(), String> {
        if let Some(parallelism) = number(value, root, "parallelism", "int32")?.filter(|number| *number <= 0) {
            let detail = "should be an integer value greater than zero";
            found.errors.push(FieldError::invalid(&root.child("parallelism"), parallelism, detail));
        }
        let percentage = number(value, root, "percentageOfNodesToScore", "int32")?;
        self.percentage_of_nodes_to_score = percentage.unwrap_or(0);
        percentage_in_range(percentage, &root.child("percentageOfNodesToScore"), found);
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        let initial = number(value, root, "podInitialBackoffSeconds", "int64")?;
        let initial = initial.unwrap_or(seconds(self.pod_initial_backoff));
        if initial <= 0 {
            let path = root.child("podInitialBackoffSeconds");
            found.errors.push(FieldError::invalid(&path, initial, "must be greater than 0"));
        }
        let most = number(value, root, "podMaxBackoffSeconds", "int64")?.unwrap_or(seconds(self.pod_max_backoff));
        if most < initial {
            let detail = "must be greater than or equal to PodInitialBackoffSeconds";
            found.errors.push(FieldError::invalid(&root.child("podMaxBackoffSeconds"), most, detail));
        }
        let duration = |seconds: i64| Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        (self.pod_initial_backoff, self.pod_max_backoff) = (duration(initial), duration(most));
        Ok(())
    }

    fn read_leader_election(&mut self, value: &Value, root: &Path) -> Result<(), String> {
        let Some(election) = field(value, "leaderElection") else { return Ok(()) };
        let path = root.child("leaderElection");
        for (name, place) in [
            ("leaseDuration", &mut self.leader_election.lease_duration),
            ("renewDeadline", &mut self.leader_election.renew_deadline),
            ("retryPeriod", &mut self.leader_election.retry_period),
        ] {
            let given = text(election, &path, name)?;
            if !given.is_empty() {
                let micros = duration::parse(given)?;
                *place = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
            }
        }
        Ok(())
    }
}

fn percentage_in_range(percentage: Option<i64>, path: &Path, found: &mut Findings) {
    if let Some(given) = percentage.filter(|given| !(0..=100).contains(given)) {
        found.errors.push(FieldError::invalid(path, given, "not in valid range [0-100]"));
    }
}

fn read_profile(value: &Value, path: &Path, alone: bool, found: &mut Findings) -> Result<ProfileConfig, String> {
    known(value, path, &["percentageOfNodesToScore", "pluginConfig", "plugins", "schedulerName"], found)?;
    let mut name = text(value, path, "schedulerName")?;
    if name.is_empty() && alone {
        name = DEFAULT_SCHEDULER;
    } else if name.is_empty() {
        found.errors.push(FieldError::required(&path.child("schedulerName"), ""));
    }
    let percentage = number(value, path, "percentageOfNodesToScore", "int32")?;
    percentage_in_range(percentage, &path.child("percentageOfNodesToScore"), found);
    let mut profile = ProfileConfig {
        scheduler_name: Arc::from(name),
        percentage_of_nodes_to_score: percentage,
        ..ProfileConfig::default()
    };
    if let Some(plugins) = field(value, "plugins") {
        read_plugins(plugins, &path.child("plugins"), &mut profile.plugins, found)?;
    }
    plugin_args::read(items(value, path, "pluginConfig", "PluginConfig")?, path, &mut profile.args, found)?;
    Ok(profile)
}

fn read_plugins(value: &Value, path: &Path, sets: &mut PluginSets, found: &mut Findings) -> Result<(), String> {
    let fields: Vec<String> = POINTS.iter().map(|point| point.field()).collect();
    let mut names: Vec<&str> = fields.iter().map(String::as_str).collect();
    names.push("multiPoint");
    known(value, path, &names, found)?;
    if let Some(set) = field(value, "multiPoint") {
        sets.merge_multi_point(read_set(set, &path.child("multiPoint"), found)?);
    }
    for (point, name) in POINTS.iter().zip(&fields) {
        if let Some(set) = field(value, name) {
            sets.set(*point, read_set(set, &path.child(name), found)?);
        }
    }
    Ok(())
}

fn read_set(value: &Value, path: &Path, found: &mut Findings) -> Result<PluginSet, String> {
    known(value, path, &["disabled", "enabled"], found)?;
    let mut set = PluginSet::default();
    for (list, enabled) in [("enabled", true), ("disabled", false)] {
        for (index, plugin) in items(value, path, list, "Plugin")?.iter().enumerate() {
            let path = path.child(list).index(index);
            known(plugin, &path, &["name", "weight"], found)?;
            let name = text(plugin, &path, "name")?.to_owned();
            let weight = number(plugin, &path, "weight", "int32")?.unwrap_or(0);
            if enabled {
                set.enabled.push(EnabledPlugin { name, weight });
            } else {
                set.disabled.push(name);
            }
        }
    }
    Ok(set)
}

/// `utilerrors.Aggregate`: one error as it is, several in brackets, none twice.
fn aggregate(errors: &[FieldError]) -> Result<(), String> {
    let mut lines: Vec<String> = Vec::new();
    for error in errors {
        let line = format!("{}: {}", error.field, error.message);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    match lines.as_slice() {
        [] => Ok(()),
        [one] => Err(one.clone()),
        many => Err(format!("[{}]", many.join(", "))),
    }
}

#[cfg(test)]
#[path = "configuration_tests.rs"]
mod tests;
