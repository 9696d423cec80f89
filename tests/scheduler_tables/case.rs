//! A case of a table, as the plugins see it.

use std::sync::Arc;

use serde_json::Value;

use kubarium::api::{KINDS, Kind, Object, ObjectKey};
use kubarium::scheduler::plugins::{PLUGINS, PluginArgs};
use kubarium::scheduler::{Cache, Plugin, PodInfo};

/// Plugins that take arguments.
const WITH_ARGUMENTS: &[&str] = &[
    "DefaultPreemption",
    "InterPodAffinity",
    "NodeAffinity",
    "NodeResourcesBalancedAllocation",
    "NodeResourcesFit",
    "PodTopologySpread",
    "VolumeBinding",
];

/// Fields of a volume that no other kind has.
const OF_A_VOLUME: &[&str] = &[
    "awsElasticBlockStore",
    "azureDisk",
    "capacity",
    "cinder",
    "claimRef",
    "csi",
    "gcePersistentDisk",
    "hostPath",
    "local",
    "nfs",
    "nodeAffinity",
    "persistentVolumeReclaimPolicy",
];

/// The objects of a case, and the plugin that it asks.
pub struct Case {
    pub json: Value,
    /// The version of Kubernetes that the table is of: 23 for 1.23.
    pub minor: u32,
    pub pod: PodInfo,
    pub cache: Cache,
    pub args: PluginArgs,
    pub plugin: Arc<dyn Plugin>,
}

/// 23 of `v1.23.4`.
pub fn minor(version: &Value) -> u32 {
    let text = version.as_str().expect("a table says its version");
    let minor = text.split('.').nth(1).and_then(|minor| minor.parse().ok());
    minor.unwrap_or_else(|| panic!("{text} is no version"))
}

/// The strings of a list; none where there is no list.
pub fn strings(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned).unwrap_or_else(|| panic!("{value} is no string"));
    value.as_array().into_iter().flatten().map(text).collect()
}

/// An object, all of whose fields are ones that its kind has.
pub fn object(kind: Kind, value: &Value) -> Arc<Object> {
    let object = Object::from_value(kind, value, &mut |path| panic!("unknown field {path} of a {kind:?}"));
    Arc::new(object.unwrap_or_else(|error| panic!("{value}: {error}")))
}

pub fn objects(kind: Kind, value: &Value) -> Vec<Arc<Object>> {
    value.as_array().into_iter().flatten().map(|value| object(kind, value)).collect()
}

/// The table has Go's `metav1.Time{Time: …}` where JSON has the time itself.
fn times(value: &Value) -> Value {
    let mut value = value.clone();
    for (_, time) in value["status"]["disruptedPods"].as_object_mut().into_iter().flatten() {
        if time.is_object() {
            *time = time["time"].clone();
        }
    }
    value
}

/// The kind of an object that may not say it: Go's literals leave it out.
fn kind_of(value: &Value) -> Kind {
    if let Some(name) = value["kind"].as_str() {
        let info = KINDS.iter().find(|info| info.kind == name);
        return info.unwrap_or_else(|| panic!("no kind is called {name}")).id;
    }
    let spec = &value["spec"];
    let has = |names: &[&str]| names.iter().any(|name| !spec[name].is_null());
    if !value["provisioner"].is_null() || !value["volumeBindingMode"].is_null() {
        Kind::StorageClass
    } else if has(&["drivers"]) {
        Kind::CSINode
    } else if has(&["attacher"]) {
        Kind::VolumeAttachment
    } else if has(&["accessModes", "volumeName", "resources", "storageClassName"]) && !has(&["capacity", "csi"]) {
        Kind::PersistentVolumeClaim
    } else if has(OF_A_VOLUME) {
        Kind::PersistentVolume
    } else if spec.as_object().is_none_or(serde_json::Map::is_empty) {
        // What has only metadata: a claim without anything, a volume with its zone, a class that says nothing.
        let meta = &value["metadata"];
        match (&meta["namespace"], &meta["labels"]) {
            (Value::String(_), _) => Kind::PersistentVolumeClaim,
            (_, Value::Object(_)) => Kind::PersistentVolume,
            _ => Kind::StorageClass,
        }
    } else if spec["selector"].as_object().is_some_and(|selector| selector.values().all(Value::is_string)) {
        Kind::Service
    } else {
        panic!("what kind is {value}?")
    }
}

fn arguments(plugin: &str, value: &Value) -> PluginArgs {
    let given = value.as_object().is_some_and(|fields| !fields.is_empty());
    assert!(!given || WITH_ARGUMENTS.contains(&plugin), "{plugin} takes no arguments, and is given {value}");
    if !given {
        return PluginArgs::default();
    }
    let mut args = PluginArgs::of_one(plugin, value).unwrap_or_else(|found| panic!("{}", found.join("; ")));
    // Upstream's tests give a plugin what no configuration can: no resources at all.
    let is_empty = |resources: Option<&Value>| {
        resources.is_some_and(|list| list.is_null() || list.as_array().is_some_and(Vec::is_empty))
    };
    if is_empty(value["scoringStrategy"].get("resources")) {
        args.node_resources_fit.resources.clear();
    }
    if is_empty(value.get("resources")) {
        args.node_resources_balanced_allocation.resources.clear();
    }
    args
}

impl Case {
    /// A case. What is counted by topology is kept from the beginning, pod by pod, or only from the end, over all nodes.
    pub fn of(case: &Value, minor: u32, kept_from_the_beginning: bool) -> Case {
        let name = case["plugin"].as_str().expect("a case names its plugin");
        let entry = PLUGINS.iter().find(|entry| entry.name == name);
        let entry = entry.unwrap_or_else(|| panic!("the registry has no plugin {name}"));
        let (pod, args) = (PodInfo::new(&object(Kind::Pod, &case["pod"])), arguments(name, &case["pluginArgs"]));
        let keys = args.pod_topology_spread.topology_keys();
        let mut cache = Cache::default();
        if kept_from_the_beginning {
            cache.keep_topologies(&pod, &keys);
        }
        for node in objects(Kind::Node, &case["nodes"]) {
            cache.set_node(&node);
        }
        for pod in objects(Kind::Pod, &case["existingPods"]) {
            cache.add_pod(&Arc::new(PodInfo::new(&pod)));
        }
        for namespace in objects(Kind::Namespace, &case["namespaces"]) {
            cache.note(Kind::Namespace, &namespace.key(), Some(&namespace));
        }
        for value in case["otherObjects"].as_array().into_iter().flatten() {
            let kind = kind_of(value);
            let object = object(kind, value);
            assert!(cache.note(kind, &object.key(), Some(&object)), "no plugin reads a {kind:?}");
        }
        for (index, value) in case["podDisruptionBudgets"].as_array().into_iter().flatten().enumerate() {
            let budget = object(Kind::PodDisruptionBudget, &times(value));
            // Budgets of a table need no names.
            cache.set_budget(ObjectKey::new("", &index.to_string()), Some(budget));
        }
        cache.keep_topologies(&pod, &keys);
        let plugin = (entry.new)(&args);
        Case { json: case.clone(), minor, pod, cache, args, plugin }
    }

    /// What the case is called.
    pub fn name(&self) -> &str {
        self.json["name"].as_str().unwrap_or_default()
    }
}
