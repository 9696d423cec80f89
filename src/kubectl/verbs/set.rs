//! `kubectl set`: image, env, resources, serviceaccount.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/set. Leaves out: selector, subject, `--from`, `--resolve`.

use serde_json::{Value, json};

use super::super::builder::{Choice, FILE_FLAGS, Info, SELECT_FLAGS, infos};
use super::super::changes::{DRY_RUN, dry_run, pod_spec_pointer, send_changes};
use super::super::errors::{Failure, Stop, attempt, fail};
use super::super::flags::{Args, Flag, Takes, flag, short};
use super::super::io::Io;
use super::super::printing::{PRINT_FLAGS, print_result};
use super::{PLAIN, Verb, help};

const FLAGS: &[Flag] = &[
    flag("all", Takes::Bool, "Select all resources in the namespace of the specified resource types"),
    flag("field-manager", Takes::Text, "Name of the manager used to track field ownership."),
    flag("local", Takes::Bool, "If true, set will NOT contact api-server but run locally."),
];
const ENV_FLAGS: &[Flag] = &[
    short("containers", 'c', Takes::Text, "The names of containers in the selected pod templates to change"),
    short("env", 'e', Takes::Array, "Specify a key-value pair for an environment variable to set into each container."),
    flag("list", Takes::Bool, "If true, display the environment and any changes in the standard format."),
    flag("overwrite", Takes::Bool, "If true, allow environment to be overwritten."),
];
const RESOURCE_FLAGS: &[Flag] = &[
    short("containers", 'c', Takes::Text, "The names of containers in the selected pod templates to change"),
    flag("limits", Takes::Text, "The resource requirement requests for this container."),
    flag("requests", Takes::Text, "The resource requirement requests for this container."),
];

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "set",
    short: "Set specific features on objects",
    usage: "set SUBCOMMAND [options]",
    verbs: &[&ENV, &IMAGE, &RESOURCES, &SERVICE_ACCOUNT],
    run: |io, args| {
        io.out(help(&args.command, &VERB));
        // Nothing was asked for (`DefaultSubCommandRun`).
        Ok(1)
    },
    ..PLAIN
};

const ENV: Verb = Verb {
    name: "env",
    short: "Update environment variables on a pod template",
    usage: "set env RESOURCE/NAME KEY_1=VAL_1 ... KEY_N=VAL_N [options]",
    flags: &[FLAGS, ENV_FLAGS, FILE_FLAGS, SELECT_FLAGS, PRINT_FLAGS, DRY_RUN],
    run: env,
    ..PLAIN
};
const IMAGE: Verb = Verb {
    name: "image",
    short: "Update the image of a pod template",
    usage: "set image (-f FILENAME | TYPE NAME) CONTAINER_NAME_1=CONTAINER_IMAGE_1 ... CONTAINER_NAME_N=CONTAINER_IMAGE_N [options]",
    flags: &[FLAGS, FILE_FLAGS, SELECT_FLAGS, PRINT_FLAGS, DRY_RUN],
    run: image,
    ..PLAIN
};
const RESOURCES: Verb = Verb {
    name: "resources",
    short: "Update resource requests/limits on objects with pod templates",
    usage: "set resources (-f FILENAME | TYPE NAME)  ([--limits=LIMITS & --requests=REQUESTS] [options]",
    flags: &[FLAGS, RESOURCE_FLAGS, FILE_FLAGS, SELECT_FLAGS, PRINT_FLAGS, DRY_RUN],
    run: resources,
    ..PLAIN
};
const SERVICE_ACCOUNT: Verb = Verb {
    name: "serviceaccount",
    aliases: &["sa"],
    short: "Update the service account of a resource",
    usage: "set serviceaccount (-f FILENAME | TYPE NAME) SERVICE_ACCOUNT [options]",
    flags: &[FLAGS, FILE_FLAGS, SELECT_FLAGS, PRINT_FLAGS, DRY_RUN],
    run: service_account,
    ..PLAIN
};

/// Words that name objects, and `key=value` or `key-` after them.
fn split(args: &Args) -> (Vec<String>, Vec<String>) {
    let is_pair = |word: &&String| (word.contains('=') && !word.starts_with('=')) || word.ends_with('-');
    let (pairs, resources) = args.args.iter().partition(is_pair);
    let owned = |words: Vec<&String>| words.into_iter().cloned().collect();
    (owned(resources), owned(pairs))
}

/// Changes the pod specification of every object chosen, and sends what differs.
fn each(
    io: &mut Io<'_, '_>,
    args: &Args,
    words: &[String],
    operation: &str,
    change: &mut dyn FnMut(&mut Io<'_, '_>, &Info, &mut Value) -> Result<bool, Stop>,
) -> Result<i32, Stop> {
    let dry = dry_run(args)?;
    if words.is_empty() && args.list("filename").is_empty() {
        return fail("one or more resources must be specified as <resource> <name> or <resource>/<name>");
    }
    let (infos, mut failures) = infos(io, args, words, Choice { all: args.is("all"), lazy: false })?;
    for info in &infos {
        let one = |io: &mut Io<'_, '_>,
                   change: &mut dyn FnMut(&mut Io<'_, '_>, &Info, &mut Value) -> Result<bool, Stop>| {
            let mut new = (*info.value).clone();
            let Some(spec) = pod_spec_pointer(&info.resource.kind).and_then(|pointer| new.pointer_mut(pointer)) else {
                return fail(format!(
                    "{}/{} the object is not a pod or does not have a pod template: *v1.{}",
                    info.resource.plural, info.name, info.resource.kind
                ));
            };
            if !change(io, info, spec)? {
                return Ok(());
            }
            let sent = match args.is("local") {
                true => Some(new.into()),
                false => match attempt(send_changes(io, args, dry, "kubectl-set", info, &new))? {
                    Ok(sent) => sent,
                    Err(Failure::Status(status)) => {
                        return fail(format!("failed to patch {}{}", refused(operation), status.message));
                    }
                    Err(failure) => return Err(failure.into()),
                },
            };
            match sent {
                Some(result) => print_result(io, args, info, &result, operation),
                None => Ok(()),
            }
        };
        if let Err(failure) = attempt(one(io, change))? {
            failures.push(failure);
        }
    }
    match failures.is_empty() {
        true => Ok(0),
        false => Err(Failure::Many(failures).into()),
    }
}

/// What could not be written, in upstream's words.
fn refused(operation: &str) -> &'static str {
    match operation {
        "env updated" => "env update to pod template: ",
        "image updated" => "image update to pod template: ",
        "resource requirements updated" => "resources update to pod template ",
        _ => "ServiceAccountName ",
    }
}

fn containers<'v>(spec: &'v mut Value, list: &str) -> impl Iterator<Item = &'v mut Value> + use<'v> {
    spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten()
}

fn image(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let (words, pairs) = split(args);
    if words.is_empty() && args.list("filename").is_empty() {
        return fail("one or more resources must be specified as <resource> <name> or <resource>/<name>");
    }
    if pairs.is_empty() {
        return fail("at least one image update is required");
    }
    let pairs: Vec<(String, String)> =
        pairs.iter().filter_map(|pair| pair.split_once('=')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
    if pairs.len() > 1 && pairs.iter().any(|(name, _)| name == "*") {
        return fail(
            "all containers are already specified by *, but saw more than one container_name=container_image pairs",
        );
    }
    each(io, args, &words, "image updated", &mut |_, _, spec| {
        let mut missing = Vec::new();
        for (name, image) in &pairs {
            let mut found = false;
            for list in ["initContainers", "containers"] {
                for container in containers(spec, list) {
                    if name == "*" || container["name"] == name.as_str() {
                        container["image"] = json!(image);
                        found = true;
                    }
                }
            }
            if !found {
                missing.push(Failure::Text(format!("unable to find container named \"{name}\"")));
            }
        }
        if missing.is_empty() { Ok(true) } else { Err(Failure::Many(missing).into()) }
    })
}

/// Whether a container is meant: `*` in names means any letters.
fn chosen(args: &Args, container: &Value) -> bool {
    let pattern = args.text("containers").unwrap_or("*");
    let name = container["name"].as_str().unwrap_or_default();
    match pattern.split_once('*') {
        None => name == pattern,
        Some((before, after)) => name.starts_with(before) && name.ends_with(after),
    }
}

fn env(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let (words, mut pairs) = split(args);
    pairs.extend(args.list("env").iter().cloned());
    if pairs.is_empty() && !args.is("list") {
        return args.usage("at least one environment variable must be provided");
    }
    each(io, args, &words, "env updated", &mut |io, info, spec| {
        for list in ["initContainers", "containers"] {
            for container in containers(spec, list).filter(|container| chosen(args, container)) {
                for pair in &pairs {
                    set_variable(container, pair);
                }
                if args.is("list") {
                    io.out(format!(
                        "# {} {}, container {}\n",
                        info.resource.kind,
                        info.name,
                        container["name"].as_str().unwrap_or_default()
                    ));
                    for variable in container["env"].as_array().into_iter().flatten() {
                        let name = variable["name"].as_str().unwrap_or_default();
                        match variable.get("valueFrom") {
                            Some(from) => io.out(reference(name, from)),
                            None => io.out(format!("{name}={}\n", variable["value"].as_str().unwrap_or_default())),
                        }
                    }
                }
            }
        }
        Ok(!args.is("list"))
    })
}

fn reference(name: &str, from: &Value) -> String {
    let text = |pointer: &str| from.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let what = if from.get("secretKeyRef").is_some() {
        format!("secret {}, key {}", text("/secretKeyRef/name"), text("/secretKeyRef/key"))
    } else if from.get("configMapKeyRef").is_some() {
        format!("configmap {}, key {}", text("/configMapKeyRef/name"), text("/configMapKeyRef/key"))
    } else if from.get("fieldRef").is_some() {
        format!("field path {}", text("/fieldRef/fieldPath"))
    } else {
        format!("resource field {}", text("/resourceFieldRef/resource"))
    };
    format!("# {name} from {what}\n")
}

fn set_variable(container: &mut Value, pair: &str) {
    let Some(fields) = container.as_object_mut() else { return };
    let variables = fields.entry("env").or_insert_with(|| json!([]));
    let Some(variables) = variables.as_array_mut() else { return };
    match pair.split_once('=') {
        None => {
            let name = pair.strip_suffix('-').unwrap_or(pair);
            variables.retain(|variable| variable["name"] != name);
        }
        Some((name, value)) => match variables.iter_mut().find(|variable| variable["name"] == name) {
            Some(variable) => *variable = json!({"name": name, "value": value}),
            None => variables.push(json!({"name": name, "value": value})),
        },
    }
    if variables.is_empty() {
        fields.remove("env");
    }
}

fn resources(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    if args.text_or_empty("limits").is_empty() && args.text_or_empty("requests").is_empty() {
        return fail("you must specify an update to requests or limits (in the form of --requests/--limits)");
    }
    each(io, args, &args.args, "resource requirements updated", &mut |_, _, spec| {
        let mut found = false;
        for container in containers(spec, "containers").filter(|container| chosen(args, container)) {
            found = true;
            for list in ["limits", "requests"] {
                for pair in args.text_or_empty(list).split(',').filter(|pair| !pair.is_empty()) {
                    let Some((name, quantity)) = pair.split_once('=') else {
                        return fail(format!("invalid argument syntax {pair}, expected <resource>=<value>"));
                    };
                    container["resources"][list][name] = json!(quantity);
                }
            }
        }
        if found {
            Ok(true)
        } else {
            fail(format!("unable to find container named {}", args.text_or_empty("containers")))
        }
    })
}

fn service_account(io: &mut Io<'_, '_>, args: &Args) -> Result<i32, Stop> {
    let Some((account, words)) = args.args.split_last() else { return fail("serviceaccount is required") };
    each(io, args, words, "serviceaccount updated", &mut |_, _, spec| {
        spec["serviceAccountName"] = json!(account);
        Ok(true)
    })
}
