//! Containers of a pod or a template.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Container, ContainerPort, ContainerState, ContainerStatus, EnvVar, Pod, Probe, ResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::writer::{Text, date, title_bool};

use crate::sim::Order;

/// A number or a name.
pub fn int_or_string(value: &IntOrString) -> String {
    match value {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(text) => text.clone(),
    }
}

/// `describeContainers`. `space` is two blanks inside a template; `pod` resolves field references.
pub fn write(
    text: &mut Text,
    label: &str,
    containers: &[Container],
    statuses: &[ContainerStatus],
    pod: Option<&Pod>,
    space: &str,
) {
    let none = if containers.is_empty() { " <none>" } else { "" };
    text.put(0, format!("{space}{label}:{none}\n"));
    for container in containers {
        let status = statuses.iter().find(|status| status.name == container.name);
        basics(text, container, status, space);
        for (title, words) in [("Command", &container.command), ("Args", &container.args)] {
            let words = words.as_deref().unwrap_or_default();
            if !words.is_empty() {
                text.put(2, format!("{title}:\n"));
                for line in words.iter().flat_map(|word| word.split('\n')) {
                    text.put(3, format!("{line}\n"));
                }
            }
        }
        if let Some(status) = status {
            state(text, "State", status.state.as_ref());
            if status.last_state.as_ref().is_some_and(|last| last.terminated.is_some()) {
                state(text, "Last State", status.last_state.as_ref());
            }
            text.field(2, "Ready", title_bool(status.ready));
            text.field(2, "Restart Count", status.restart_count);
        }
        resources(text, container.resources.as_ref());
        for (title, found) in [
            ("Liveness", &container.liveness_probe),
            ("Readiness", &container.readiness_probe),
            ("Startup", &container.startup_probe),
        ] {
            if let Some(found) = found {
                text.field(2, title, probe(found));
            }
        }
        environment_from(text, container);
        environment(text, container, pod);
        mounts(text, container);
    }
}

fn basics(text: &mut Text, container: &Container, status: Option<&ContainerStatus>, space: &str) {
    let indent = if space.is_empty() { "" } else { " " };
    text.put(1, format!("{indent}{}:\n", container.name));
    if let Some(status) = status {
        text.field(2, "Container ID", status.container_id.as_deref().unwrap_or_default());
    }
    text.field(2, "Image", container.image.as_deref().unwrap_or_default());
    if let Some(status) = status {
        text.field(2, "Image ID", &status.image_id);
    }
    let all = container.ports.as_deref().unwrap_or_default();
    ports(text, "Port", all, |port| port.container_port);
    ports(text, "Host Port", all, |port| port.host_port.unwrap_or(0));
}

fn ports(text: &mut Text, title: &str, ports: &[ContainerPort], number: impl Fn(&ContainerPort) -> i32) {
    let all: Vec<String> =
        ports.iter().map(|port| format!("{}/{}", number(port), port.protocol.as_deref().unwrap_or_default())).collect();
    match all.as_slice() {
        [] => text.field(2, title, "<none>"),
        [one] => text.field(2, title, one),
        many => text.field(2, &format!("{title}s"), many.join(", ")),
    }
}

fn state(text: &mut Text, title: &str, state: Option<&ContainerState>) {
    let Some(state) = state else {
        text.field(2, title, "Waiting");
        return;
    };
    if let Some(running) = &state.running {
        text.field(2, title, "Running");
        text.field(3, "Started", running.started_at.as_ref().map(date).unwrap_or_default());
    } else if let Some(ended) = &state.terminated {
        text.field(2, title, "Terminated");
        for (name, value) in [("Reason", &ended.reason), ("Message", &ended.message)] {
            if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
                text.field(3, name, value);
            }
        }
        text.field(3, "Exit Code", ended.exit_code);
        if let Some(signal) = ended.signal.filter(|signal| *signal > 0) {
            text.field(3, "Signal", signal);
        }
        text.field(3, "Started", ended.started_at.as_ref().map(date).unwrap_or_default());
        text.field(3, "Finished", ended.finished_at.as_ref().map(date).unwrap_or_default());
    } else {
        text.field(2, title, "Waiting");
        let reason = state.waiting.as_ref().and_then(|waiting| waiting.reason.as_deref()).unwrap_or_default();
        if !reason.is_empty() {
            text.field(3, "Reason", reason);
        }
    }
}

fn resources(text: &mut Text, resources: Option<&ResourceRequirements>) {
    let Some(resources) = resources else { return };
    let mut list = |title: &str, all: &Option<BTreeMap<String, Quantity>>| {
        let all = all.iter().flatten().collect::<Vec<_>>();
        if !all.is_empty() {
            text.put(2, format!("{title}:\n"));
            for (name, quantity) in all {
                text.field(3, name, &quantity.0);
            }
        }
    };
    list("Limits", &resources.limits);
    list("Requests", &resources.requests);
}

/// `DescribeProbe`.
fn probe(probe: &Probe) -> String {
    let numbers = format!(
        "delay={}s timeout={}s period={}s #success={} #failure={}",
        probe.initial_delay_seconds.unwrap_or(0),
        probe.timeout_seconds.unwrap_or(0),
        probe.period_seconds.unwrap_or(0),
        probe.success_threshold.unwrap_or(0),
        probe.failure_threshold.unwrap_or(0),
    );
    if let Some(exec) = &probe.exec {
        return format!("exec [{}] {numbers}", exec.command.as_deref().unwrap_or_default().join(" "));
    }
    if let Some(get) = &probe.http_get {
        let scheme = get.scheme.as_deref().unwrap_or("http").to_lowercase();
        let host = get.host.as_deref().unwrap_or_default();
        let path = get.path.as_deref().unwrap_or_default();
        let slash = if path.is_empty() || path.starts_with('/') { "" } else { "/" };
        return format!("http-get {scheme}://{host}:{}{slash}{path} {numbers}", int_or_string(&get.port));
    }
    if let Some(tcp) = &probe.tcp_socket {
        let host = tcp.host.as_deref().unwrap_or_default();
        return format!("tcp-socket {host}:{} {numbers}", int_or_string(&tcp.port));
    }
    if let Some(grpc) = &probe.grpc {
        return format!("grpc <pod>:{} {} {numbers}", grpc.port, grpc.service.as_deref().unwrap_or_default());
    }
    format!("unknown {numbers}")
}

fn environment_from(text: &mut Text, container: &Container) {
    let sources = container.env_from.as_deref().unwrap_or_default();
    if sources.is_empty() {
        return;
    }
    text.put(2, "Environment Variables from:\n");
    for source in sources {
        let (kind, name, optional) = match (&source.config_map_ref, &source.secret_ref) {
            (Some(map), _) => ("ConfigMap", map.name.as_str(), map.optional),
            (None, Some(secret)) => ("Secret", secret.name.as_str(), secret.optional),
            (None, None) => ("", "", None),
        };
        let optional = optional.unwrap_or(false);
        match source.prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
            None => text.put(3, format!("{name}\t{kind}\tOptional: {optional}\n")),
            Some(prefix) => text.put(3, format!("{name}\t{kind} with prefix '{prefix}'\tOptional: {optional}\n")),
        }
    }
}

fn environment(text: &mut Text, container: &Container, pod: Option<&Pod>) {
    let variables = container.env.as_deref().unwrap_or_default();
    text.put(2, if variables.is_empty() { "Environment:\t<none>\n" } else { "Environment:\n" });
    for variable in variables {
        for (index, line) in variable_lines(variable, container, pod).into_iter().enumerate() {
            let name = if index == 0 { format!("{}:", variable.name) } else { String::new() };
            text.put(3, format!("{name}\t{line}\n"));
        }
    }
}

fn variable_lines(variable: &EnvVar, container: &Container, pod: Option<&Pod>) -> Vec<String> {
    let Some(from) = &variable.value_from else {
        return variable.value.as_deref().unwrap_or_default().split('\n').map(str::to_owned).collect();
    };
    if let Some(field) = &from.field_ref {
        let value = pod.map(|pod| field_value(pod, &field.field_path)).unwrap_or_default();
        return vec![format!("{value} ({}:{})", field.api_version.as_deref().unwrap_or("v1"), field.field_path)];
    }
    if let Some(field) = &from.resource_field_ref {
        let resource = field.resource.as_str();
        let mut value = resource_value(container, resource);
        if value == "0" && matches!(resource, "limits.cpu" | "limits.memory") {
            value = "node allocatable".to_owned();
        }
        return vec![format!("{value} ({resource})")];
    }
    if let Some(key) = &from.secret_key_ref {
        let optional = key.optional.unwrap_or(false);
        return vec![format!("<set to the key '{}' in secret '{}'>\tOptional: {optional}", key.key, key.name)];
    }
    if let Some(key) = &from.config_map_key_ref {
        let optional = key.optional.unwrap_or(false);
        return vec![format!("<set to the key '{}' of config map '{}'>\tOptional: {optional}", key.key, key.name)];
    }
    Vec::new()
}

/// What a field reference comes to: `EnvValueRetriever`.
fn field_value(pod: &Pod, path: &str) -> String {
    let meta = &pod.metadata;
    let spec = pod.spec.as_ref();
    let status = pod.status.as_ref();
    let keyed = |prefix: &str, map: &Option<BTreeMap<String, String>>| {
        let key = path.strip_prefix(prefix)?.strip_suffix("']")?;
        map.as_ref().and_then(|map| map.get(key)).cloned()
    };
    let value = match path {
        "metadata.name" => meta.name.clone(),
        "metadata.namespace" => meta.namespace.clone(),
        "metadata.uid" => meta.uid.clone(),
        "spec.nodeName" => spec.and_then(|spec| spec.node_name.clone()),
        "spec.serviceAccountName" => spec.and_then(|spec| spec.service_account_name.clone()),
        "status.hostIP" => status.and_then(|status| status.host_ip.clone()),
        "status.podIP" => status.and_then(|status| status.pod_ip.clone()),
        _ => keyed("metadata.labels['", &meta.labels).or_else(|| keyed("metadata.annotations['", &meta.annotations)),
    };
    value.unwrap_or_default()
}

fn resource_value(container: &Container, resource: &str) -> String {
    let (list, name) = resource.split_once('.').unwrap_or(("", resource));
    let requirements = container.resources.as_ref();
    let map = match list {
        "limits" => requirements.and_then(|all| all.limits.as_ref()),
        _ => requirements.and_then(|all| all.requests.as_ref()),
    };
    map.and_then(|map| map.get(name)).map_or_else(|| "0".to_owned(), |quantity| quantity.0.clone())
}

fn mounts(text: &mut Text, container: &Container) {
    let mut mounts: Vec<_> = container.volume_mounts.iter().flatten().collect();
    text.put(2, if mounts.is_empty() { "Mounts:\t<none>\n" } else { "Mounts:\n" });
    mounts.order_by(|a, b| a.mount_path.cmp(&b.mount_path));
    for mount in mounts {
        let mut flags = if mount.read_only.unwrap_or(false) { "ro" } else { "rw" }.to_owned();
        if let Some(path) = mount.sub_path.as_deref().filter(|path| !path.is_empty()) {
            flags.push_str(&format!(",path={path:?}"));
        }
        text.put(3, format!("{} from {} ({flags})\n", mount.mount_path, mount.name));
    }
}
