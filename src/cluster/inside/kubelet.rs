//! Inside a kubelet: pod workers, probes, PLEG, calls to the runtime, images.

use crate::api::cri::CriRequest;
use crate::client::InformerState;
use crate::kubelet::{Kubelet, ProbeReport, RuntimeCallReport, WorkerReport};

use super::runtime::{image_sheet, short};
use super::{Plain, ROWS_MAX, Sheet, Within, named, span, until};

pub(super) fn inside(within: &Within<'_>, node: &str) -> Option<Plain> {
    let kubelet = of_node(within, node)?;
    let (up, seen) = kubelet.runtime_health();
    let pleg = kubelet.pleg_report();
    let (relists, last) = pleg.pleg.relists();
    let (listing, armed) = pleg.pleg.under_way();
    let relist = match (listing, armed, last) {
        (true, ..) => "under way".to_owned(),
        (false, true, _) => "asked for at the end of this second".to_owned(),
        (false, false, Some(at)) => format!("the last ended at {}", within.clock(at)),
        (false, false, None) => "none yet".to_owned(),
    };
    let watches = kubelet.watches().count();
    Some(Plain {
        facts: vec![
            ("node", node.to_owned()),
            ("pods", kubelet.worker_count().to_string()),
            ("runtime", format!("{} since {}", if up { "answers" } else { "is away" }, within.clock(seen))),
            ("relists", format!("{relists}; {relist}")),
        ],
        sheets: vec![
            workers(within, &kubelet.worker_reports(ROWS_MAX)).cut(kubelet.worker_count()),
            probes(within, &kubelet.probe_reports(None, ROWS_MAX)).cut(kubelet.probe_count()),
            changes(within, kubelet),
            calls(within, &kubelet.runtime_calls()),
            pulls(within, kubelet),
            image_sheet(kubelet.images().iter()).cut(kubelet.images().len()),
            watch_sheet(within, kubelet).cut(watches),
        ],
    })
}

/// The kubelet of a node.
pub(super) fn of_node<'a>(within: &Within<'a>, node: &str) -> Option<&'a Kubelet> {
    let kernel = within.world.kernel();
    kernel.inspect::<Kubelet>(kernel.resolve(&format!("kubelet/{node}"))?)
}

pub(super) fn workers(within: &Within<'_>, reports: &[WorkerReport]) -> Sheet {
    let columns = &["pod", "stage", "doing", "waits for", "next sync", "status reported"];
    let mut sheet = Sheet::new("Pod workers", columns);
    for report in reports {
        let reasons = report.reasons.iter().map(|(name, reason, message)| match message.as_str() {
            "" => format!("{name}: {reason}"),
            message => format!("{name}: {reason}, {message}"),
        });
        let backoffs = report.backoffs.iter().filter(|(_, at)| *at > within.now());
        let backoffs = backoffs.map(|(name, at)| format!("{name}: back-off ends {}", until(within.now(), *at)));
        let waits: Vec<String> = reasons.chain(backoffs).collect();
        let row = sheet.row(vec![
            named(&report.key.namespace, &report.key.name),
            report.stage.to_owned(),
            report.doing.clone(),
            waits.join("; "),
            report.wake.map(|at| until(within.now(), at)).unwrap_or_default(),
            super::yes(report.reported),
        ]);
        row.bad = !report.reasons.is_empty();
    }
    sheet
}

pub(super) fn probes(within: &Within<'_>, reports: &[ProbeReport]) -> Sheet {
    let columns = &["pod", "container", "probe", "last answer", "in a row", "succeeded", "failed", "next"];
    let mut sheet = Sheet::new("Probes", columns);
    for report in reports {
        let (last, of) = match report.last {
            None => ("none yet", String::new()),
            Some(good) => (if good { "good" } else { "bad" }, format!("{} of {}", report.run.0, report.run.1)),
        };
        let next = match (report.on_hold, report.asking, report.next) {
            (true, ..) => "none: it failed for good".to_owned(),
            (false, true, _) => "asking now".to_owned(),
            (false, false, Some(at)) => until(within.now(), at),
            (false, false, None) => "waits for the startup probe".to_owned(),
        };
        let row = sheet.row(vec![
            report.pod.to_string(),
            report.container.to_string(),
            report.kind.to_owned(),
            last.to_owned(),
            of,
            report.counts.0.to_string(),
            report.counts.1.to_string(),
            next,
        ]);
        row.bad = report.last == Some(false);
    }
    sheet
}

fn changes(within: &Within<'_>, kubelet: &Kubelet) -> Sheet {
    let mut sheet = Sheet::new("PLEG", &["relist", "pod", "what changed"])
        .note("Pod lifecycle event generator: it looks at the runtime and tells the pod workers what changed.");
    for change in kubelet.pleg_report().pleg.changes() {
        let events: Vec<String> = change.events.iter().map(|(event, about)| format!("{event} {about}")).collect();
        sheet.row(vec![within.clock(change.at), change.name.to_string(), events.join(", ")]);
    }
    sheet
}

fn calls(within: &Within<'_>, reports: &[RuntimeCallReport]) -> Sheet {
    let mut sheet = Sheet::new("Calls to the runtime", &["sent", "call", "about", "took", "answer"]);
    for report in reports {
        let took = report.answered.map(|at| span(at.since(report.sent)));
        let answer = match (&took, report.failure.as_str()) {
            (None, _) => "under way",
            (Some(_), "") => "ok",
            (Some(_), failure) => failure,
        };
        let row = sheet.row(vec![
            within.clock(report.sent),
            report.request.method().to_owned(),
            about(&report.request),
            took.unwrap_or_default(),
            answer.to_owned(),
        ]);
        row.bad = !report.failure.is_empty();
    }
    sheet
}

/// What a call to the runtime is about.
fn about(request: &CriRequest) -> String {
    match request {
        CriRequest::RunPodSandbox(config) => named(&config.namespace, &config.name),
        CriRequest::CreateContainer { config, .. } => format!("{} {}", config.name, config.image),
        CriRequest::StopPodSandbox { sandbox_id } | CriRequest::RemovePodSandbox { sandbox_id } => short(sandbox_id),
        CriRequest::StartContainer { container_id }
        | CriRequest::StopContainer { container_id, .. }
        | CriRequest::RemoveContainer { container_id }
        | CriRequest::ContainerStatus { container_id }
        | CriRequest::ReadLog { container_id, .. } => short(container_id),
        CriRequest::ExecSync { container_id, command } => format!("{} {}", short(container_id), command.join(" ")),
        CriRequest::ImageStatus { image } | CriRequest::PullImage { image } | CriRequest::RemoveImage { image } => {
            image.to_string()
        }
        CriRequest::Connect { port, path, .. } => format!("port {port} {}", path.as_deref().unwrap_or_default()),
        CriRequest::WriteVolume { host_path, .. } => host_path.to_string(),
        CriRequest::UpdateRuntimeConfig { pod_cidr } => pod_cidr.to_string(),
        CriRequest::Version
        | CriRequest::Status
        | CriRequest::ListPodSandbox
        | CriRequest::ListContainers
        | CriRequest::ListImages
        | CriRequest::CloseLog { .. }
        | CriRequest::GetContainerEvents
        | CriRequest::ImageFsInfo
        | CriRequest::ListContainerStats => String::new(),
    }
}

fn pulls(within: &Within<'_>, kubelet: &Kubelet) -> Sheet {
    let mut sheet = Sheet::new("Image pulls", &["image", "asked for", "state"]).note("One at a time.");
    for (at, (image, _, asked)) in kubelet.pulls().into_iter().enumerate().take(ROWS_MAX) {
        let state = if at == 0 { "under way" } else { "waits for its turn" };
        sheet.row(vec![image.to_string(), within.clock(asked), state.to_owned()]);
    }
    sheet
}

fn watch_sheet(within: &Within<'_>, kubelet: &Kubelet) -> Sheet {
    let mut sheet = Sheet::new("Watches", &["kind", "selector", "state", "objects", "has seen", "last event"]);
    for informer in kubelet.watches().take(ROWS_MAX) {
        let state = match informer.state() {
            InformerState::Idle => "no stream",
            InformerState::Listing => "listing",
            InformerState::Watching => "watching",
        };
        let row = sheet.row(vec![
            informer.spec.kind.info().plural.to_owned(),
            informer.spec.field_selector.clone(),
            state.to_owned(),
            informer.store().len().to_string(),
            informer.resource_version().to_string(),
            within.clock(informer.last_event()),
        ]);
        row.bad = informer.state() == InformerState::Idle;
    }
    sheet
}
