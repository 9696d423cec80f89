//! The container runtime interface: the messages of `k8s.io/cri-api` `runtime.v1` that the kubelet uses.

use std::sync::Arc;

use crate::sim::persistent::OrdMap;

/// Texts by name: labels, or files by their paths in a volume. Cloning shares them.
pub type Texts = OrdMap<Arc<str>, Arc<str>>;

/// What identifies a pod sandbox to the kubelet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodSandboxConfig {
    pub name: Arc<str>,
    pub namespace: Arc<str>,
    pub uid: Arc<str>,
    /// Counts the sandboxes made for this pod.
    pub attempt: u32,
    pub hostname: Arc<str>,
    pub host_network: bool,
    pub labels: Texts,
    pub annotations: Texts,
}

/// Who a container's first process is: `LinuxContainerUser`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    pub uid: i64,
    pub gid: i64,
    /// In rising order, the primary group among them.
    pub supplemental_groups: Vec<i64>,
}

/// Who it is to be, where that is said: `LinuxContainerSecurityContext`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunAs {
    pub user: Option<i64>,
    pub group: Option<i64>,
    /// Besides those the image gives the user, unless they are `strict`.
    pub supplemental_groups: Vec<i64>,
    pub strict: bool,
}

/// What the runtime needs to make a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerConfig {
    pub name: Arc<str>,
    pub attempt: u32,
    pub image: Arc<str>,
    /// The kubelet's annotation `io.kubernetes.container.hash`: which definition it was made from.
    pub hash: u32,
    pub command: Vec<String>,
    pub args: Vec<String>,
    pub working_dir: String,
    /// With every reference already expanded.
    pub envs: Vec<(String, String)>,
    pub mounts: Vec<Mount>,
    /// The ports it says it serves.
    pub ports: Vec<u16>,
    /// Millicores; 0 for no limit.
    pub cpu_limit_millis: u64,
    /// 0 for no limit.
    pub memory_limit_bytes: u64,
    pub run_as: RunAs,
}

/// A volume as a container sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    pub container_path: String,
    /// Names the volume on the node: `<pod uid>/<volume name>`.
    pub host_path: String,
    pub read_only: bool,
    /// The content put there from a ConfigMap, Secret or the like; empty for a plain directory.
    pub files: Texts,
}

/// A container's state, `ContainerState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContainerState {
    Created,
    Running,
    Exited,
    Unknown,
}

/// `ContainerStatus`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerStatus {
    pub id: Arc<str>,
    pub sandbox_id: Arc<str>,
    pub pod_uid: Arc<str>,
    pub name: Arc<str>,
    pub attempt: u32,
    pub state: ContainerState,
    pub created_unix_micros: i64,
    /// 0 before it started.
    pub started_unix_micros: i64,
    /// 0 before it finished.
    pub finished_unix_micros: i64,
    pub exit_code: i32,
    /// `Completed`, `Error`, `OOMKilled`, `ContainerCannotRun` …
    pub reason: Arc<str>,
    pub message: Arc<str>,
    pub image: Arc<str>,
    pub image_ref: Arc<str>,
    /// The annotation it was made with.
    pub hash: u32,
    pub user: User,
}

/// `PodSandboxStatus`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodSandboxStatus {
    pub id: Arc<str>,
    pub pod_uid: Arc<str>,
    pub name: Arc<str>,
    pub namespace: Arc<str>,
    pub attempt: u32,
    pub ready: bool,
    /// Given by the network plugin.
    pub ip: Arc<str>,
    pub created_unix_micros: i64,
}

/// An image on the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// `sha256:…`
    pub id: Arc<str>,
    /// Names with tags, and with digests.
    pub repo_tags: Vec<Arc<str>>,
    pub repo_digests: Vec<Arc<str>>,
    pub size_bytes: u64,
}

/// A request of the kubelet.
#[derive(Clone, Debug, PartialEq)]
pub enum CriRequest {
    Version,
    /// Whether it can run pods, and whether their network is set up.
    Status,
    /// The range that pods get their addresses from: with it the network is set up.
    UpdateRuntimeConfig {
        pod_cidr: Arc<str>,
    },
    RunPodSandbox(PodSandboxConfig),
    StopPodSandbox {
        sandbox_id: Arc<str>,
    },
    RemovePodSandbox {
        sandbox_id: Arc<str>,
    },
    /// All sandboxes and containers: `ListPodSandbox` and `ListContainers`, as each relist of PLEG asks.
    ListPodSandbox,
    ListContainers,
    CreateContainer {
        sandbox_id: Arc<str>,
        config: ContainerConfig,
    },
    StartContainer {
        container_id: Arc<str>,
    },
    /// SIGTERM, after `timeout_seconds` SIGKILL.
    StopContainer {
        container_id: Arc<str>,
        timeout_seconds: u64,
    },
    RemoveContainer {
        container_id: Arc<str>,
    },
    ContainerStatus {
        container_id: Arc<str>,
    },
    /// Runs a command and waits for its end.
    ExecSync {
        container_id: Arc<str>,
        command: Vec<String>,
    },
    ImageStatus {
        image: Arc<str>,
    },
    PullImage {
        image: Arc<str>,
    },
    ListImages,
    RemoveImage {
        image: Arc<str>,
    },
    /// The kubelet's probe or a port-forward reaching into the pod: what answers on `port`.
    /// (In a real node this goes over the pod network, not over CRI.)
    Connect {
        sandbox_id: Arc<str>,
        port: u16,
        path: Option<String>,
    },
    /// The container's log. (A real kubelet reads the file the runtime writes.)
    ReadLog {
        container_id: Arc<str>,
        options: LogOptions,
    },
    /// Ends the following that `call` asked for. (A real kubelet closes the file.)
    CloseLog {
        call: u64,
    },
    /// Replaces what a volume holds. (A real kubelet writes the files itself.)
    WriteVolume {
        host_path: Arc<str>,
        files: Texts,
    },
    /// Makes a disk ready for the pods of the node. (A real kubelet asks the CSI driver: `NodeStageVolume` and
    /// `NodePublishVolume`.)
    StageVolume {
        disk: Arc<str>,
    },
    /// Takes it away again. (`NodeUnpublishVolume` and `NodeUnstageVolume`.)
    UnstageVolume {
        disk: Arc<str>,
    },
    /// `GetContainerEvents`: from now on, a `ContainerEvent` for every change.
    GetContainerEvents,
    /// CPU, memory and disk now: `ListContainerStats`.
    ListContainerStats,
    /// The file system of images, containers and logs: `ImageFsInfo`.
    ImageFsInfo,
}

/// Which part of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    pub tail_lines: Option<u64>,
    pub since_unix_micros: Option<i64>,
    pub timestamps: bool,
    pub limit_bytes: Option<u64>,
    pub follow: bool,
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub unix_micros: i64,
    pub text: Arc<str>,
}

/// The disk of every node: images, containers and logs share it.
pub const NODE_DISK_BYTES: u64 = 61_202_244 << 10;

/// What one container uses: `ContainerStats`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerStats {
    pub container_id: Arc<str>,
    pub pod_uid: Arc<str>,
    pub name: Arc<str>,
    pub cpu_millis: u64,
    /// The working set.
    pub memory_bytes: u64,
    /// The layer it writes to.
    pub writable_layer_bytes: u64,
    /// Its log. (A real kubelet measures the file.)
    pub log_bytes: u64,
}

/// What is left of a machine. `ImageFsInfo` gives what is used of the disk; a real kubelet reads the rest off the
/// machine itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MachineUsage {
    pub images_bytes: u64,
    pub disk_capacity_bytes: u64,
    pub disk_available_bytes: u64,
    pub memory_capacity_bytes: u64,
    pub memory_available_bytes: u64,
}

/// A failure of the runtime: a gRPC status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CriError {
    /// `NotFound`, `Unknown`, `Unavailable`, `DeadlineExceeded`.
    pub code: &'static str,
    /// As containerd words it.
    pub message: String,
}

/// A response of the runtime.
#[derive(Clone, Debug, PartialEq)]
pub enum CriResponse {
    Version {
        runtime_name: &'static str,
        runtime_version: &'static str,
    },
    Status {
        network_ready: bool,
    },
    RunPodSandbox {
        sandbox_id: Arc<str>,
        ip: Arc<str>,
    },
    ListPodSandbox(Vec<PodSandboxStatus>),
    ListContainers(Vec<ContainerStatus>),
    CreateContainer {
        container_id: Arc<str>,
    },
    ContainerStatus(Box<ContainerStatus>),
    ExecSync {
        stdout: String,
        stderr: String,
        exit_code: i32,
    },
    ImageStatus(Option<Image>),
    PullImage {
        image_ref: Arc<str>,
        size_bytes: u64,
    },
    ListImages(Vec<Image>),
    Connect {
        code: u16,
        body: String,
    },
    Log {
        lines: Vec<LogLine>,
        end: bool,
    },
    ContainerStats(Vec<ContainerStats>),
    ImageFsInfo(MachineUsage),
    /// Start, Stop and Remove give nothing.
    Done,
    Failed(CriError),
}

/// A message between the kubelet and its runtime.
#[derive(Clone, Debug, PartialEq)]
pub enum CriMessage {
    Request {
        call: u64,
        request: Arc<CriRequest>,
    },
    Response {
        call: u64,
        response: Arc<CriResponse>,
    },
    /// A container or sandbox changed state.
    ContainerEvent {
        pod_uid: Arc<str>,
        container_id: Arc<str>,
    },
    /// The machine ran low on memory or disk, or no longer is. (A real kubelet reads that off the machine itself,
    /// with cAdvisor, again and again.)
    MachineEvent {
        low: bool,
    },
    /// More lines of a followed log, by the call that asked for it.
    LogLines {
        call: u64,
        lines: Vec<LogLine>,
        end: bool,
    },
}

impl CriRequest {
    /// The method's name, as gRPC has it.
    pub fn method(&self) -> &'static str {
        match self {
            CriRequest::Version => "Version",
            CriRequest::Status => "Status",
            CriRequest::UpdateRuntimeConfig { .. } => "UpdateRuntimeConfig",
            CriRequest::RunPodSandbox(_) => "RunPodSandbox",
            CriRequest::StopPodSandbox { .. } => "StopPodSandbox",
            CriRequest::RemovePodSandbox { .. } => "RemovePodSandbox",
            CriRequest::ListPodSandbox => "ListPodSandbox",
            CriRequest::ListContainers => "ListContainers",
            CriRequest::CreateContainer { .. } => "CreateContainer",
            CriRequest::StartContainer { .. } => "StartContainer",
            CriRequest::StopContainer { .. } => "StopContainer",
            CriRequest::RemoveContainer { .. } => "RemoveContainer",
            CriRequest::ContainerStatus { .. } => "ContainerStatus",
            CriRequest::ExecSync { .. } => "ExecSync",
            CriRequest::ImageStatus { .. } => "ImageStatus",
            CriRequest::PullImage { .. } => "PullImage",
            CriRequest::ListImages => "ListImages",
            CriRequest::RemoveImage { .. } => "RemoveImage",
            CriRequest::Connect { .. } => "Connect",
            CriRequest::ReadLog { .. } => "ReadLog",
            CriRequest::CloseLog { .. } => "CloseLog",
            CriRequest::WriteVolume { .. } => "WriteVolume",
            CriRequest::StageVolume { .. } => "NodeStageVolume",
            CriRequest::UnstageVolume { .. } => "NodeUnstageVolume",
            CriRequest::GetContainerEvents => "GetContainerEvents",
            CriRequest::ListContainerStats => "ListContainerStats",
            CriRequest::ImageFsInfo => "ImageFsInfo",
        }
    }
}
