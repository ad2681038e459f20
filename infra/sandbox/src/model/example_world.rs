//! The example world, in which a sandbox starts.

use crate::model::app::{App, AppState, MenuItem};
use crate::model::app_settings::{AccountType, AppKind, Format, Mode};
use crate::model::industries::Industries;
use crate::model::media::{self, MediaKind};
use crate::model::person::{Person, Relation};
use crate::model::template::{Template, TemplateKind};
use crate::model::whitelist::Whitelist;
use crate::model::world::World;
use shared::secret::Secret;
use shared::wechat::id::{AppId, OpenId, UnionId};
use std::collections::BTreeMap;

/// The open-platform account that both apps are bound to.
const PLATFORM: &str = "hongyan";

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
/// All credentials are invented.
pub fn example() -> World {
    let app =
        |alias: &str, kind, app_id: &str, original_id: &str, digit: char, format, templates| App {
            alias: alias.to_owned(),
            kind,
            account: AccountType::Service,
            app_id: AppId::parse(app_id).expect("a constant of the right shape"),
            original_id: original_id.to_owned(),
            secret: Secret::new(format!("0000000000000000notasecret00000{digit}")),
            callback_token: Secret::new(format!("sandboxtoken{digit}")),
            // The last character leaves its spare bits set: a strict decoder fails on it.
            encoding_aes_key: Secret::new(format!("{:0<41}{digit}B", "SandboxOnlyNotASecret")),
            mode: Mode::Safe,
            format,
            open_platform: Some(PLATFORM.to_owned()),
            menu: match kind {
                AppKind::OfficialAccount => menu(),
                AppKind::MiniProgram => Vec::new(),
            },
            templates,
            limits: BTreeMap::new(),
            list_page: None,
            whitelist: Whitelist::default(),
            media: vec![
                media::permanent("picture", MediaKind::Image),
                media::permanent("thumb", MediaKind::Thumb),
            ],
            industries: Industries::default(),
            state: AppState::default(),
        };
    let template = |template_id: &str, title: &str, kind, content: &str, example: &str| Template {
        template_id: template_id.to_owned(),
        title: title.to_owned(),
        kind,
        content: content.to_owned(),
        example: example.to_owned(),
        values: BTreeMap::new(),
        industry: None,
    };
    let shipped = |template_id: &str, kind| {
        template(
            template_id,
            "order_shipped",
            kind,
            "商品名称:{{thing1.DATA}}\n发货时间:{{time2.DATA}}\n",
            "商品名称:蓝色水壶\n发货时间:2026年11月20日 15:04\n",
        )
    };
    let person = |name: &str, number: u32| {
        let mut person = Person::new(name);
        let union_id = format!("oSandboxUnion-{name:_<5}-{number:08}");
        person
            .union_ids
            .insert(PLATFORM.to_owned(), UnionId::parse(union_id).expect("of the right shape"));
        for (alias, mark) in [("shop", "ShopAcct"), ("shop-mini", "MiniProg")] {
            let open_id = format!("oSandbox{mark}-{name:_<5}-{number:05}");
            let open_id = OpenId::parse(open_id).expect("of the right shape");
            person.relations.insert(alias.to_owned(), Relation::with_open_id(open_id));
        }
        person
    };
    World::new(
        vec![
            app(
                "shop",
                AppKind::OfficialAccount,
                "wx0000000000005a01",
                "gh_000000005a01",
                '1',
                Format::Xml,
                vec![
                    shipped("SandboxTemplateOfShop-order-shipped-0000001", TemplateKind::Template),
                    template(
                        "SandboxTemplateOfShop-order-arrived-0000001",
                        "order_arrived",
                        TemplateKind::OneTime,
                        "商品名称:{{thing1.DATA}}\n到达时间:{{time2.DATA}}\n",
                        "商品名称:蓝色水壶\n到达时间:2026年11月22日 09:30\n",
                    ),
                ],
            ),
            app(
                "shop-mini",
                AppKind::MiniProgram,
                "wx0000000000005a02",
                "gh_000000005a02",
                '2',
                Format::Json,
                vec![
                    shipped("SandboxTemplateOfMini-order-shipped-0000001", TemplateKind::OneTime),
                    template(
                        "SandboxTemplateOfMini-order-delayed-0000001",
                        "order_delayed",
                        TemplateKind::LongTerm,
                        "商品名称:{{thing1.DATA}}\n预计时间:{{time2.DATA}}\n",
                        "商品名称:蓝色水壶\n预计时间:2026年11月24日 18:00\n",
                    ),
                    template(
                        "SandboxTemplateOfMini-order-receipt-0000001",
                        "order_receipt",
                        TemplateKind::Legacy,
                        "商品名称:{{keyword1.DATA}}\n支付金额:{{keyword2.DATA}}\n",
                        "商品名称:蓝色水壶\n支付金额:199.00元\n",
                    ),
                ],
            ),
        ],
        vec![person("ann", 1), person("bob", 2), person("carol", 3)],
    )
}

fn menu() -> Vec<MenuItem> {
    let item = |name: &str, key: &str| MenuItem { name: name.to_owned(), key: key.to_owned() };
    vec![item("我的订单", "ORDERS"), item("联系我们", "CONTACT")]
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
