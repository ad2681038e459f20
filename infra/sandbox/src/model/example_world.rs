//! The example world, in which a sandbox starts.

use crate::model::world::World;

/// The example world.
///
/// - The service account `shop` (safe mode, XML) and the mini program
///   `shop-mini` (safe mode, JSON), bound to one open-platform account. Each
///   has a template `order_shipped` with the keys `thing1` (the
///   product) and `time2` (when). `shop` also has `order_arrived`, a one-time
///   subscription notification with the same keys; `shop-mini` also has
///   `order_delayed`, a long-term subscription message with the same keys, and
///   `order_receipt`, one from before 2020 with the keys `keyword1` (the
///   product) and `keyword2` (the amount). Each has the material `picture` and
///   `thumb`, as if uploaded in WeChat's console.
/// - ann, bob and carol. They do not follow and have not logged in. To have ann follow, call
///   `POST /sandbox/people/ann/follow` once the callback answers; a callback that misses the
///   event never learns of her.
///
/// All credentials are invented. The last character of an `EncodingAESKey` leaves its spare
/// bits set: a strict decoder fails on it.
pub fn example() -> World {
    serde_json::from_str(include_str!("example_world.json")).expect("a test reads this file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn example_has_the_shapes_of_wechat() {
        let world = example();
        world.check().unwrap();
        for app in &world.apps {
            assert_eq!(app.app_id.as_str().len(), 18);
            assert_eq!(app.original_id.len(), 15);
            assert_eq!(app.secret.expose().len(), 32);
            assert_eq!(app.encoding_aes_key.expose().len(), 43);
            assert!(app.templates.iter().all(|template| template.template_id.len() == 43));
        }
        for person in &world.people {
            assert!(
                person.union_ids.values().all(|it| it.as_str().len() == 28),
                "{:?}",
                person.name
            );
            assert!(
                person.relations.values().all(|it| it.open_id.as_str().len() == 28),
                "{:?}",
                person.name
            );
            assert_eq!(person.relations.len(), 2);
        }
    }

    #[test]
    fn both_readmes_list_the_credentials() {
        for readme in [include_str!("../../README.md"), include_str!("../../README.zh-CN.md")] {
            for app in example().apps {
                let row = [
                    app.app_id.as_str(),
                    app.secret.expose(),
                    app.callback_token.expose(),
                    app.encoding_aes_key.expose(),
                ];
                let row = format!("| `{}` |", row.join("` | `"));
                assert!(readme.contains(&row), "{row}");
            }
        }
    }
}
