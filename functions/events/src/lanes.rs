//! Users side by side, the events of each in their order.

use futures_util::{StreamExt as _, stream};
use std::collections::BTreeMap;

/// So many users' events are under way at once.
const AT_ONCE: usize = 16;

/// Does `work` with each item. Those of one user are done one after the other,
/// in the order given; one that fails doesn't hold up the next.
pub(crate) async fn by_user<T, R>(
    items: impl IntoIterator<Item = (String, T)>,
    work: impl AsyncFn(T) -> R,
) -> Vec<R> {
    let mut lanes: BTreeMap<String, Vec<T>> = BTreeMap::new();
    for (user, item) in items {
        lanes.entry(user).or_default().push(item);
    }
    let work = &work;
    let done = stream::iter(lanes.into_values()).map(async |lane| {
        let mut done = Vec::with_capacity(lane.len());
        for item in lane {
            done.push(work(item).await);
        }
        done
    });
    done.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    #[tokio::test]
    async fn each_users_items_keep_their_order_and_nobody_waits_for_another() {
        let (under_way, most, seen) = (Cell::new(0), Cell::new(0), RefCell::new(Vec::new()));
        let items = (0..200).map(|at| (format!("user {}", at % 40), at));
        let done = by_user(items, async |at| {
            under_way.set(under_way.get() + 1);
            most.set(most.get().max(under_way.get()));
            tokio::task::yield_now().await;
            under_way.set(under_way.get() - 1);
            seen.borrow_mut().push(at);
            at
        })
        .await;
        assert_eq!(done.len(), 200);
        assert_eq!(most.get(), AT_ONCE);
        for user in 0..40 {
            let theirs: Vec<_> =
                seen.borrow().iter().copied().filter(|at| at % 40 == user).collect();
            assert_eq!(theirs, [user, user + 40, user + 80, user + 120, user + 160]);
        }
    }
}
