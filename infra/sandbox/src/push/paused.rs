//! Paused pushes: they wait for a release, so that they arrive late or out of order.

use crate::context::Context;
use crate::push::deliver::Delivery;
use crate::push::outgoing::Push;

impl Context {
    /// Pushes, or stores the push if pushes are paused. Returns all deliveries.
    pub(crate) async fn push(&self, push: &Push) -> Vec<Delivery> {
        if self.read(|state| state.world.pushing.paused) {
            self.change(|state| state.paused_pushes.push(push.clone()));
            return Vec::new();
        }
        self.push_now(push).await
    }

    /// Pushes several, in order. Returns all deliveries.
    pub(crate) async fn push_all(&self, pushes: &[Push]) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        for push in pushes {
            deliveries.extend(self.push(push).await);
        }
        deliveries
    }

    /// Pushes all paused pushes, in order. Returns all deliveries.
    pub(crate) async fn release(&self, newest_first: bool) -> Vec<Delivery> {
        let _in_progress = self.begin_push();
        let mut paused = self.change(|state| std::mem::take(&mut state.paused_pushes));
        if newest_first {
            paused.reverse();
        }
        let mut deliveries = Vec::new();
        for push in &paused {
            deliveries.extend(self.push_now(push).await);
        }
        deliveries
    }
}
