//! What client-go is: calls to the API server, informers, the rate-limited workqueue, the event
//! recorder. A process owns these as plain values and feeds them what it receives.

mod calls;
mod informer;
mod leaderelection;
mod recorder;
mod workqueue;

pub use calls::{Calls, Outcome};
pub use informer::{Change, Informer, InformerSpec, InformerState, Store};
pub use leaderelection::{Election, ElectionTimes, LeaderElector};
pub use recorder::{EventKind, EventRecorder, Involved};
pub use workqueue::{BASE_DELAY, WorkQueue, WorkQueueKey};
