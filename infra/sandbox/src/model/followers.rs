//! The followers of an Official Account, in the order of WeChat's list.

use crate::model::app::App;
use crate::model::world::World;

/// The openids of all followers.
pub(crate) fn all(world: &World, app: &App) -> Vec<String> {
    page(world, app, (0, 0), usize::MAX)
}

/// The number of followers.
pub(crate) fn count(world: &World, app: &App) -> usize {
    people(world, app).count() + app.state.synthetic_followers.total()
}

/// The position after this user, who need not follow any more: the next index in
/// `World::people`, and the next number of a synthetic follower. `None` for an unknown openid.
pub(crate) fn position_after(world: &World, app: &App, open_id: &str) -> Option<(usize, u32)> {
    if let Some(number) = app.state.synthetic_followers.number(open_id) {
        return Some((usize::MAX, number + 1));
    }
    world.person_by_open_id(&app.alias, open_id).map(|person| (person + 1, 0))
}

/// The openids of at most `max` followers from a position on.
pub(crate) fn page(
    world: &World,
    app: &App,
    (person, number): (usize, u32),
    max: usize,
) -> Vec<String> {
    let synthetic = &app.state.synthetic_followers;
    people(world, app)
        .filter(|(at, _)| *at >= person)
        .map(|(_, open_id)| open_id.to_owned())
        .chain(synthetic.from(number).map(|number| synthetic.open_id(number)))
        .take(max)
        .collect()
}

/// The people who follow, each with their index.
fn people<'a>(world: &'a World, app: &'a App) -> impl Iterator<Item = (usize, &'a str)> {
    world.people.iter().enumerate().filter_map(|(at, person)| {
        let relation = person.relations.get(&app.alias)?;
        relation.follows.is_some().then(|| (at, relation.open_id.as_str()))
    })
}
