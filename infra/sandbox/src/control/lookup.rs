//! Finds people and apps by name.

use crate::control::error::ControlError;
use crate::model::app::App;
use crate::model::app_settings::AppKind;
use crate::model::world::World;

/// The index in `people` of the person with this name.
pub(crate) fn find_person(world: &World, name: &str) -> Result<usize, ControlError> {
    world.people.iter().position(|person| person.name == name).ok_or_else(|| {
        let names: Vec<_> = world.people.iter().map(|person| person.name.as_str()).collect();
        ControlError::not_found(format!("no person {name:?}; there are: {}", names.join(", ")))
    })
}

/// The app with this alias.
pub(crate) fn find_app<'a>(world: &'a World, alias: &str) -> Result<&'a App, ControlError> {
    find_app_index(world, alias).map(|at| &world.apps[at])
}

/// The app with this alias, to change it.
pub(crate) fn find_app_mut<'a>(
    world: &'a mut World,
    alias: &str,
) -> Result<&'a mut App, ControlError> {
    find_app_index(world, alias).map(|at| &mut world.apps[at])
}

/// The index in `apps` of the app with this alias.
pub(crate) fn find_app_index(world: &World, alias: &str) -> Result<usize, ControlError> {
    world.apps.iter().position(|app| app.alias == alias).ok_or_else(|| {
        let aliases: Vec<_> = world.apps.iter().map(|app| app.alias.as_str()).collect();
        ControlError::not_found(format!("no app {alias:?}; there are: {}", aliases.join(", ")))
    })
}

/// Fails unless the app is of the kind that an action requires.
pub(crate) fn require_kind(app: &App, kind: AppKind, action: &str) -> Result<(), ControlError> {
    if app.kind == kind {
        return Ok(());
    }
    let name = match kind {
        AppKind::OfficialAccount => "an Official Account",
        AppKind::MiniProgram => "a Mini Program",
    };
    Err(ControlError::bad_request(format!("{action} requires {name}, which {} is not", app.alias)))
}
