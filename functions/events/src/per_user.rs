//! Processes users concurrently, and the events of each user in order.

use futures_util::{StreamExt as _, stream};
use std::collections::BTreeMap;

/// Maximum number of users in parallel.
const MAX_CONCURRENCY: usize = 16;

/// Runs `work` for each item: the items of one user one after the other in the given
/// order, and users in parallel.
pub(crate) async fn for_each_user_in_order<T, R>(
    items: impl IntoIterator<Item = (String, T)>,
    work: impl AsyncFn(T) -> R,
) -> Vec<R> {
    let mut users: BTreeMap<String, Vec<T>> = BTreeMap::new();
    for (user, item) in items {
        users.entry(user).or_default().push(item);
    }
    let work = &work;
    let done = stream::iter(users.into_values()).map(async |items| {
        let mut done = Vec::with_capacity(items.len());
        for item in items {
            done.push(work(item).await);
        }
        done
    });
    done.buffer_unordered(MAX_CONCURRENCY).collect::<Vec<_>>().await.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    #[tokio::test]
    async fn items_of_a_user_keep_their_order_and_users_run_in_parallel() {
        let (running, max_running, seen) = (Cell::new(0), Cell::new(0), RefCell::new(Vec::new()));
        let items = (0..200).map(|at| (format!("user {}", at % 40), at));
        let done = for_each_user_in_order(items, async |at| {
            running.set(running.get() + 1);
            max_running.set(max_running.get().max(running.get()));
            tokio::task::yield_now().await;
            running.set(running.get() - 1);
            seen.borrow_mut().push(at);
            at
        })
        .await;
        assert_eq!(done.len(), 200);
        assert_eq!(max_running.get(), MAX_CONCURRENCY);
        for user in 0..40 {
            let of_user: Vec<_> =
                seen.borrow().iter().copied().filter(|at| at % 40 == user).collect();
            assert_eq!(of_user, [user, user + 40, user + 80, user + 120, user + 160]);
        }
    }
}
