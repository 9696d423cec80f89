//! Operations that talk to what runs in a container: exec, connections, logs.

use std::sync::Arc;
use std::time::Duration;

use crate::api::Message;
use crate::api::cri::{ContainerState, CriError, CriResponse, LogOptions};
use crate::sim::Ctx;

use super::container::Container;
use super::files::Files;
use super::images;
use super::operations::{Outcome, not_found};
use super::program::{Answer, Effects, Host};
use super::runtime::{Due, Runtime};
use super::shell::exec_sync;

impl Runtime {
    /// Runs a command beside the container's program; the answer comes when it ended.
    pub(super) fn exec(&mut self, ctx: &mut Ctx<'_, Message>, call: u64, id: &Arc<str>, command: &[String]) {
        let Some(container) = self.containers.get(id).cloned() else {
            let (code, message) = not_found("container", id);
            self.fail(ctx, call, code, message);
            return;
        };
        if !container.running() {
            let message = format!("container is in {} state", state_name(container.status.state));
            self.fail(ctx, call, "Unknown", message);
            return;
        }
        let mut inside = Effects::default();
        let mut launch = (*container.launch).clone();
        launch.argv = command.to_vec();
        let system = images::system(container.image);
        let known = command.first().is_some_and(|command| super::shell::Shell::knows(command));
        let Some(system) = system.filter(|system| known || system.permissive) else {
            let name = command.first().cloned().unwrap_or_default();
            let message = format!(
                "failed to exec in container: failed to start exec: OCI runtime exec failed: exec failed: unable to start container process: exec: \"{name}\": executable file not found in $PATH"
            );
            self.fail(ctx, call, "Unknown", message);
            return;
        };
        let now = ctx.unix_micros();
        let mut files = container.files.clone();
        let mut volumes = std::mem::take(&mut self.volumes);
        let mut network = self.network(now);
        let mut host = Host {
            unix_micros: now,
            rng: ctx.rng(),
            files: Files { fs: &mut files, volumes: &mut volumes },
            launch: &launch,
            network: &mut network,
            effects: std::mem::take(&mut inside),
        };
        let result = exec_sync(&mut host, &system, command);
        let (containers, served) = (network.containers, network.served);
        self.containers = containers;
        self.volumes = volumes;
        if let Some(container) = self.container_mut(id) {
            container.files = files;
        }
        for (served, effects) in served {
            self.apply(ctx, &served, now, effects);
        }
        let Some(micros) = result.micros else {
            // It never ends: the caller's own time limit does.
            return;
        };
        let response =
            CriResponse::ExecSync { stdout: result.stdout, stderr: result.stderr, exit_code: result.exit_code };
        self.schedule(ctx, Duration::from_micros(micros), Due::Answer { call, response: Arc::new(response) });
    }

    pub(super) fn connect(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        call: u64,
        sandbox_id: &Arc<str>,
        port: u16,
        path: Option<&str>,
    ) {
        let now = ctx.unix_micros();
        let sandbox = self.sandboxes.get(sandbox_id).filter(|sandbox| sandbox.ready).cloned();
        let Some(sandbox) = sandbox else {
            self.fail(ctx, call, "Unavailable", "connect: no route to host".to_owned());
            return;
        };
        let mut network = self.network(now);
        let answer = network.ask(&sandbox, port, path);
        let (containers, served) = (network.containers, network.served);
        self.containers = containers;
        for (served, effects) in served {
            self.apply(ctx, &served, now, effects);
        }
        let refused = CriError { code: "Unavailable", message: "connect: connection refused".to_owned() };
        let response = match answer {
            Some(Answer::Http { code, body }) => CriResponse::Connect { code, body },
            Some(Answer::Tcp) if path.is_none() => CriResponse::Connect { code: 0, body: String::new() },
            Some(Answer::Tcp) => CriResponse::Failed(CriError { code: "Unknown", message: "EOF".to_owned() }),
            // Too slow for anybody who asks: their time limit ends it.
            Some(Answer::Slow(_)) => return,
            None => CriResponse::Failed(refused),
        };
        self.answer(ctx, call, response);
    }

    /// Nobody follows by this call any more.
    pub(super) fn close_log(&mut self, call: u64) {
        let following = |(_, container): &(_, &Arc<Container>)| container.followers.contains(&call);
        let followed = self.containers.iter().find(following).map(|(id, _)| id.clone());
        if let Some(container) = followed.and_then(|id| self.container_mut(&id)) {
            container.followers.retain(|other| *other != call);
        }
    }

    pub(super) fn read_log(&mut self, call: u64, id: &Arc<str>, options: &LogOptions) -> Outcome {
        let Some(container) = self.container_mut(id) else { return Err(not_found("container", id)) };
        let lines = container.read_log(options);
        let end = !options.follow || container.status.state == ContainerState::Exited;
        if !end {
            container.followers.push(call);
        }
        Ok(CriResponse::Log { lines, end })
    }
}

fn state_name(state: ContainerState) -> &'static str {
    match state {
        ContainerState::Created => "CONTAINER_CREATED",
        ContainerState::Running => "CONTAINER_RUNNING",
        ContainerState::Exited => "CONTAINER_EXITED",
        ContainerState::Unknown => "CONTAINER_UNKNOWN",
    }
}
