//! The messages of the kubelet and its runtime, written out: a field a line.

use std::fmt::Write;

use crate::api::cri::{
    ContainerConfig, ContainerStatus, CriMessage, CriRequest, CriResponse, Image, LogLine, PodSandboxConfig,
    PodSandboxStatus,
};

/// What a message carries.
pub(super) fn text(message: &CriMessage) -> String {
    let mut out = Text { text: String::new(), level: 0 };
    match message {
        CriMessage::Request { request, .. } => out.group(request.method(), |out| of_request(out, request)),
        CriMessage::Response { response, .. } => of_response(&mut out, response),
        CriMessage::MachineEvent { low } => out.field("MachineEvent", if *low { "low" } else { "enough" }),
        CriMessage::ContainerEvent { pod_uid, container_id } => out.group("ContainerEvent", |out| {
            out.field("pod_uid", pod_uid);
            out.field("container_id", container_id);
        }),
        CriMessage::LogLines { lines, end, .. } => of_lines(&mut out, lines, *end),
    }
    out.text
}

/// Lines that are indented under what they belong to. Empty values are left out, as in protobuf.
struct Text {
    text: String,
    level: usize,
}

impl Text {
    fn line(&mut self, line: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.extend(std::iter::repeat_n("  ", self.level));
        self.text.push_str(line);
    }

    fn group(&mut self, name: &str, inner: impl FnOnce(&mut Text)) {
        self.line(name);
        self.level += 1;
        inner(self);
        self.level -= 1;
    }

    fn field(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.line(name);
            self.text.push_str(": ");
            self.text.push_str(value);
        }
    }

    fn number(&mut self, name: &str, value: i64) {
        if value != 0 {
            self.line(name);
            // Writing to a string cannot fail.
            let _ = write!(self.text, ": {value}");
        }
    }

    fn size(&mut self, name: &str, value: u64) {
        self.number(name, value.cast_signed());
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.field(name, if value { "true" } else { "" });
    }

    fn list<'a>(&mut self, name: &str, values: impl IntoIterator<Item = &'a str>) {
        values.into_iter().for_each(|value| self.field(name, value));
    }

    fn map<'a>(&mut self, name: &str, values: impl IntoIterator<Item = (&'a str, &'a str)>) {
        for (key, value) in values {
            self.line(name);
            let _ = write!(self.text, ": {key}={value}");
        }
    }
}

fn of_request(out: &mut Text, request: &CriRequest) {
    match request {
        CriRequest::UpdateRuntimeConfig { pod_cidr } => out.field("pod_cidr", pod_cidr),
        CriRequest::Version
        | CriRequest::Status
        | CriRequest::ListPodSandbox
        | CriRequest::ListContainers
        | CriRequest::ListImages
        | CriRequest::GetContainerEvents
        | CriRequest::ImageFsInfo
        | CriRequest::ListContainerStats => {}
        CriRequest::RunPodSandbox(config) => of_sandbox_config(out, config),
        CriRequest::StopPodSandbox { sandbox_id } | CriRequest::RemovePodSandbox { sandbox_id } => {
            out.field("pod_sandbox_id", sandbox_id);
        }
        CriRequest::CreateContainer { sandbox_id, config } => {
            out.field("pod_sandbox_id", sandbox_id);
            out.group("config", |out| of_container_config(out, config));
        }
        CriRequest::StopContainer { container_id, timeout_seconds } => {
            out.field("container_id", container_id);
            out.size("timeout", *timeout_seconds);
        }
        CriRequest::StartContainer { container_id }
        | CriRequest::RemoveContainer { container_id }
        | CriRequest::ContainerStatus { container_id } => out.field("container_id", container_id),
        CriRequest::ExecSync { container_id, command } => {
            out.field("container_id", container_id);
            out.list("cmd", command.iter().map(String::as_str));
        }
        CriRequest::ImageStatus { image } | CriRequest::PullImage { image } | CriRequest::RemoveImage { image } => {
            out.field("image", image);
        }
        CriRequest::Connect { sandbox_id, port, path } => {
            out.field("pod_sandbox_id", sandbox_id);
            out.number("port", i64::from(*port));
            out.field("path", path.as_deref().unwrap_or_default());
        }
        CriRequest::ReadLog { container_id, options } => {
            out.field("container_id", container_id);
            out.size("tail_lines", options.tail_lines.unwrap_or_default());
            out.number("since_unix_micros", options.since_unix_micros.unwrap_or_default());
            out.flag("timestamps", options.timestamps);
            out.size("limit_bytes", options.limit_bytes.unwrap_or_default());
            out.flag("follow", options.follow);
        }
        CriRequest::CloseLog { call } => out.size("call", *call),
        CriRequest::StageVolume { disk } | CriRequest::UnstageVolume { disk } => out.field("volume_id", disk),
        CriRequest::WriteVolume { host_path, files } => {
            out.field("host_path", host_path);
            out.list("file", files.keys().map(|path| &**path));
        }
    }
}

fn of_response(out: &mut Text, response: &CriResponse) {
    match response {
        CriResponse::Version { runtime_name, runtime_version } => {
            out.field("runtime_name", runtime_name);
            out.field("runtime_version", runtime_version);
        }
        CriResponse::Status { network_ready } => out.flag("network_ready", *network_ready),
        CriResponse::RunPodSandbox { sandbox_id, ip } => {
            out.field("pod_sandbox_id", sandbox_id);
            out.field("ip", ip);
        }
        CriResponse::ListPodSandbox(items) => {
            items.iter().for_each(|item| out.group("items", |out| of_sandbox(out, item)));
        }
        CriResponse::ListContainers(items) => {
            items.iter().for_each(|item| out.group("containers", |out| of_container(out, item)));
        }
        CriResponse::CreateContainer { container_id } => out.field("container_id", container_id),
        CriResponse::ContainerStatus(status) => out.group("status", |out| of_container(out, status)),
        CriResponse::ExecSync { stdout, stderr, exit_code } => {
            out.field("stdout", stdout);
            out.field("stderr", stderr);
            out.line("exit_code: ");
            let _ = write!(out.text, "{exit_code}");
        }
        CriResponse::ImageStatus(None) => out.line("no such image"),
        CriResponse::ImageStatus(Some(image)) => out.group("image", |out| of_image(out, image)),
        CriResponse::PullImage { image_ref, size_bytes } => {
            out.field("image_ref", image_ref);
            out.size("size_bytes", *size_bytes);
        }
        CriResponse::ListImages(images) => {
            images.iter().for_each(|image| out.group("images", |out| of_image(out, image)));
        }
        CriResponse::Connect { code, body } => {
            out.number("code", i64::from(*code));
            out.field("body", body);
        }
        CriResponse::Log { lines, end } => of_lines(out, lines, *end),
        CriResponse::ContainerStats(stats) => {
            for stats in stats {
                out.group("stats", |out| {
                    out.field("id", &stats.container_id);
                    out.size("cpu_millis", stats.cpu_millis);
                    out.size("working_set_bytes", stats.memory_bytes);
                    out.size("writable_layer_used_bytes", stats.writable_layer_bytes);
                });
            }
        }
        CriResponse::ImageFsInfo(usage) => {
            out.size("used_bytes", usage.images_bytes);
            out.size("disk_available_bytes", usage.disk_available_bytes);
            out.size("disk_capacity_bytes", usage.disk_capacity_bytes);
            out.size("memory_available_bytes", usage.memory_available_bytes);
            out.size("memory_capacity_bytes", usage.memory_capacity_bytes);
        }
        CriResponse::Done => out.line("OK"),
        CriResponse::Failed(error) => {
            out.field("code", error.code);
            out.field("message", &error.message);
        }
    }
}

fn of_lines(out: &mut Text, lines: &[LogLine], end: bool) {
    out.list("line", lines.iter().map(|line| &*line.text));
    out.flag("end", end);
}

fn of_sandbox_config(out: &mut Text, config: &PodSandboxConfig) {
    out.field("name", &config.name);
    out.field("namespace", &config.namespace);
    out.field("uid", &config.uid);
    out.number("attempt", i64::from(config.attempt));
    out.field("hostname", &config.hostname);
    out.flag("host_network", config.host_network);
    out.map("label", config.labels.iter().map(|(key, value)| (&**key, &**value)));
    out.map("annotation", config.annotations.iter().map(|(key, value)| (&**key, &**value)));
}

fn of_container_config(out: &mut Text, config: &ContainerConfig) {
    out.field("name", &config.name);
    out.number("attempt", i64::from(config.attempt));
    out.field("image", &config.image);
    out.list("command", config.command.iter().map(String::as_str));
    out.list("args", config.args.iter().map(String::as_str));
    out.field("working_dir", &config.working_dir);
    out.map("env", config.envs.iter().map(|(name, value)| (&**name, &**value)));
    for mount in &config.mounts {
        out.group("mount", |out| {
            out.field("container_path", &mount.container_path);
            out.field("host_path", &mount.host_path);
            out.flag("readonly", mount.read_only);
            out.list("file", mount.files.keys().map(|path| &**path));
        });
    }
    config.ports.iter().for_each(|port| out.number("port", i64::from(*port)));
    out.size("cpu_limit_millis", config.cpu_limit_millis);
    out.size("memory_limit_bytes", config.memory_limit_bytes);
}

fn of_sandbox(out: &mut Text, status: &PodSandboxStatus) {
    out.field("id", &status.id);
    out.field("name", &status.name);
    out.field("namespace", &status.namespace);
    out.field("uid", &status.pod_uid);
    out.number("attempt", i64::from(status.attempt));
    out.field("state", if status.ready { "SANDBOX_READY" } else { "SANDBOX_NOTREADY" });
    out.field("ip", &status.ip);
    out.number("created_at_unix_micros", status.created_unix_micros);
}

fn of_container(out: &mut Text, status: &ContainerStatus) {
    use crate::api::cri::ContainerState;
    out.field("id", &status.id);
    out.field("pod_sandbox_id", &status.sandbox_id);
    out.field("pod_uid", &status.pod_uid);
    out.field("name", &status.name);
    out.number("attempt", i64::from(status.attempt));
    let state = match status.state {
        ContainerState::Created => "CONTAINER_CREATED",
        ContainerState::Running => "CONTAINER_RUNNING",
        ContainerState::Exited => "CONTAINER_EXITED",
        ContainerState::Unknown => "CONTAINER_UNKNOWN",
    };
    out.field("state", state);
    out.number("created_at_unix_micros", status.created_unix_micros);
    out.number("started_at_unix_micros", status.started_unix_micros);
    out.number("finished_at_unix_micros", status.finished_unix_micros);
    out.number("exit_code", i64::from(status.exit_code));
    out.field("reason", &status.reason);
    out.field("message", &status.message);
    out.field("image", &status.image);
    out.field("image_ref", &status.image_ref);
}

fn of_image(out: &mut Text, image: &Image) {
    out.field("id", &image.id);
    out.list("repo_tag", image.repo_tags.iter().map(|tag| &**tag));
    out.list("repo_digest", image.repo_digests.iter().map(|digest| &**digest));
    out.size("size_bytes", image.size_bytes);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_request_is_its_method_with_its_fields() {
        let request = CriRequest::StopContainer { container_id: Arc::from("c1"), timeout_seconds: 30 };
        let message = CriMessage::Request { call: 7, request: Arc::new(request) };
        assert_eq!(text(&message), "StopContainer\n  container_id: c1\n  timeout: 30");
        let image = Image {
            id: Arc::from("sha256:1"),
            repo_tags: vec![Arc::from("a:1"), Arc::from("a:2")],
            repo_digests: Vec::new(),
            size_bytes: 0,
        };
        let response = CriResponse::ListImages(vec![image]);
        let message = CriMessage::Response { call: 7, response: Arc::new(response) };
        assert_eq!(text(&message), "images\n  id: sha256:1\n  repo_tag: a:1\n  repo_tag: a:2");
    }
}
