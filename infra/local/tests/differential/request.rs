//! Random requests, of the kinds that Hongyan's functions make: their operations,
//! their kinds of attributes and keys, and expressions put together of what theirs
//! consist of. Some don't fit, and have to be refused.

use crate::random::SeededRandom;
use crate::table::{Key, Table};
use crate::words::{ATTRIBUTES, Words, condition, update, value_of};
use serde_json::{Map, Value, json};

/// What DynamoDB is asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) operation: &'static str,
    pub(crate) body: Value,
}

/// Makes requests about these tables.
pub(crate) struct Requests<'t> {
    random: SeededRandom,
    tables: &'t [Table],
    /// Keys of the wrong kind belong into requests of one item. What happens to the
    /// others of a transaction then isn't documented.
    has_misfits: bool,
}

impl<'t> Requests<'t> {
    pub(crate) fn new(seed: u64, tables: &'t [Table]) -> Self {
        Self { random: SeededRandom::new(seed), tables, has_misfits: true }
    }

    pub(crate) fn next(&mut self) -> Request {
        let table = &self.tables[self.random.below(self.tables.len())];
        let which = self.random.below(100);
        self.has_misfits = !(74..93).contains(&which);
        match which {
            0..8 => self.single("GetItem", table, Self::get),
            8..24 => self.single("PutItem", table, Self::put),
            24..48 => self.single("UpdateItem", table, Self::update),
            48..56 => self.single("DeleteItem", table, Self::delete),
            56..70 => self.query(table),
            70..74 => self.scan(table),
            74..90 => self.transact_write(),
            90..93 => self.transact_get(),
            93..97 => self.batch_get(),
            _ => self.batch_write(),
        }
    }

    fn one_of(&mut self, often: usize) -> bool {
        self.random.below(often) == 0
    }

    fn single(
        &mut self,
        operation: &'static str,
        table: &Table,
        of: fn(&mut Self, &Table) -> Map<String, Value>,
    ) -> Request {
        let mut body = of(self, table);
        let returned: &[&str] = match operation {
            "PutItem" | "DeleteItem" => &["NONE", "ALL_OLD"],
            "UpdateItem" => &["NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"],
            _ => &[],
        };
        if !returned.is_empty() && !self.one_of(3) {
            let which = returned[self.random.below(returned.len())];
            body.insert("ReturnValues".to_owned(), which.into());
        }
        Request { operation, body: body.into() }
    }

    /// A key's value; one that doesn't fit, once in a while.
    fn key_value(&mut self, key: &Key) -> Value {
        if self.has_misfits && self.one_of(150) {
            return [json!({ "S": "" }), json!({ "BOOL": true }), json!({ "N": "1" })]
                [self.random.below(3)]
            .clone();
        }
        key.values[self.random.below(key.values.len())].clone()
    }

    fn key(&mut self, table: &Table) -> Map<String, Value> {
        let mut all = Map::new();
        for key in &table.keys {
            if !(self.has_misfits && self.one_of(300)) {
                all.insert(key.name.clone(), self.key_value(key));
            }
        }
        all
    }

    fn with_key(&mut self, table: &Table) -> Map<String, Value> {
        let mut body = begin(table);
        body.insert("Key".to_owned(), self.key(table).into());
        body
    }

    fn get(&mut self, table: &Table) -> Map<String, Value> {
        let (mut body, mut words) = (self.with_key(table), Words::default());
        if self.one_of(2) {
            self.project(&mut body, &mut words);
        }
        words.put_into(&mut body);
        body
    }

    /// What of the items is wanted.
    fn project(&mut self, body: &mut Map<String, Value>, words: &mut Words) {
        let mut all = ATTRIBUTES;
        self.random.shuffle(&mut all);
        let some = &all[..=self.random.below(3)];
        let some: Vec<_> = some.iter().map(|name| words.name(&mut self.random, name)).collect();
        body.insert("ProjectionExpression".to_owned(), some.join(", ").into());
    }

    fn item(&mut self, table: &Table) -> Map<String, Value> {
        let mut item = self.key(table);
        let mut all = ATTRIBUTES;
        self.random.shuffle(&mut all);
        for name in &all[..self.random.below(7)] {
            item.insert((*name).to_owned(), value_of(&mut self.random, name));
        }
        for index in &table.indexes {
            for key in &index.keys {
                if !self.one_of(3) {
                    item.insert(key.name.clone(), self.key_value(key));
                }
            }
        }
        item
    }

    /// A condition, and what is to be shown if it isn't true.
    fn conditionally(&mut self, table: &Table, body: &mut Map<String, Value>, words: &mut Words) {
        let condition = condition(&mut self.random, words, table, 2);
        body.insert("ConditionExpression".to_owned(), condition.into());
        if self.one_of(2) {
            body.insert("ReturnValuesOnConditionCheckFailure".to_owned(), "ALL_OLD".into());
        }
    }

    fn put(&mut self, table: &Table) -> Map<String, Value> {
        let (mut body, mut words) = (begin(table), Words::default());
        body.insert("Item".to_owned(), self.item(table).into());
        if self.one_of(2) {
            self.conditionally(table, &mut body, &mut words);
        }
        words.put_into(&mut body);
        body
    }

    fn update(&mut self, table: &Table) -> Map<String, Value> {
        let (mut body, mut words) = (self.with_key(table), Words::default());
        let update = update(&mut self.random, &mut words, table);
        body.insert("UpdateExpression".to_owned(), update.into());
        if self.one_of(2) {
            self.conditionally(table, &mut body, &mut words);
        }
        words.put_into(&mut body);
        body
    }

    fn delete(&mut self, table: &Table) -> Map<String, Value> {
        let (mut body, mut words) = (self.with_key(table), Words::default());
        if self.one_of(2) {
            self.conditionally(table, &mut body, &mut words);
        }
        words.put_into(&mut body);
        body
    }

    fn check(&mut self, table: &Table) -> Map<String, Value> {
        let (mut body, mut words) = (self.with_key(table), Words::default());
        self.conditionally(table, &mut body, &mut words);
        words.put_into(&mut body);
        body
    }

    fn query(&mut self, table: &Table) -> Request {
        let (mut body, mut words) = (begin(table), Words::default());
        let index = (self.one_of(3) && !table.indexes.is_empty())
            .then(|| &table.indexes[self.random.below(table.indexes.len())]);
        let keys = index.map_or(&table.keys, |index| &index.keys);
        if let Some(index) = index {
            body.insert("IndexName".to_owned(), index.name.clone().into());
        }
        let name = words.name(&mut self.random, &keys[0].name);
        let value = self.key_value(&keys[0]);
        let mut condition = format!("{name} = {}", words.value(value));
        if let Some(key) = keys.get(1).filter(|_| !self.one_of(3)) {
            let name = words.name(&mut self.random, &key.name);
            let value = self.key_value(key);
            let bound = words.value(value.clone());
            let range = match self.random.below(5) {
                0 => format!("{name} = {bound}"),
                1 => format!("{name} <= {bound}"),
                2 => format!("{name} > {bound}"),
                3 => {
                    let other = self.key_value(key);
                    format!("{name} BETWEEN {bound} AND {}", words.value(other))
                }
                _ => {
                    if let Some(text) = value["S"].as_str() {
                        let prefix = text.split_inclusive('#').next().unwrap_or_default();
                        words.replace(&bound, json!({ "S": prefix }));
                    }
                    format!("begins_with({name}, {bound})")
                }
            };
            condition = format!("{condition} AND {range}");
        }
        body.insert("KeyConditionExpression".to_owned(), condition.into());
        self.read(table, index.is_some(), &mut body, &mut words);
        if self.one_of(3) {
            body.insert("ScanIndexForward".to_owned(), self.one_of(2).into());
        }
        words.put_into(&mut body);
        Request { operation: "Query", body: body.into() }
    }

    /// What queries and scans have in common.
    fn read(
        &mut self,
        table: &Table,
        by_index: bool,
        body: &mut Map<String, Value>,
        words: &mut Words,
    ) {
        if self.one_of(3) {
            let filter = condition(&mut self.random, words, table, 1);
            body.insert("FilterExpression".to_owned(), filter.into());
        }
        if self.one_of(2) {
            body.insert("Limit".to_owned(), (1 + self.random.below(4)).into());
        }
        if self.one_of(8) {
            body.insert("Select".to_owned(), "COUNT".into());
        } else if self.one_of(4) && !by_index {
            self.project(body, words);
        }
        if self.one_of(if by_index { 30 } else { 2 }) {
            body.insert("ConsistentRead".to_owned(), true.into());
        }
    }

    fn scan(&mut self, table: &Table) -> Request {
        let (mut body, mut words) = (begin(table), Words::default());
        let index = self.one_of(3).then(|| table.indexes.first()).flatten();
        if let Some(index) = index {
            body.insert("IndexName".to_owned(), index.name.clone().into());
        }
        self.read(table, index.is_some(), &mut body, &mut words);
        words.put_into(&mut body);
        Request { operation: "Scan", body: body.into() }
    }

    fn transact_write(&mut self) -> Request {
        let many = 1 + self.random.below(4);
        let items: Vec<_> = (0..many)
            .map(|_| {
                let table = &self.tables[self.random.below(self.tables.len())];
                let (action, body) = match self.random.below(10) {
                    0..3 => ("Put", self.put(table)),
                    3..7 => ("Update", self.update(table)),
                    7..9 => ("ConditionCheck", self.check(table)),
                    _ => ("Delete", self.delete(table)),
                };
                json!({ action: body })
            })
            .collect();
        Request { operation: "TransactWriteItems", body: json!({ "TransactItems": items }) }
    }

    fn transact_get(&mut self) -> Request {
        let many = 1 + self.random.below(3);
        let items: Vec<_> = (0..many)
            .map(|_| {
                let table = &self.tables[self.random.below(self.tables.len())];
                json!({ "Get": self.get(table) })
            })
            .collect();
        Request { operation: "TransactGetItems", body: json!({ "TransactItems": items }) }
    }

    fn batch_get(&mut self) -> Request {
        let mut tables = Map::new();
        for _ in 0..=self.random.below(2) {
            let table = &self.tables[self.random.below(self.tables.len())];
            let (mut body, mut words) = (Map::new(), Words::default());
            let keys: Vec<_> = (0..=self.random.below(3)).map(|_| self.key(table)).collect();
            body.insert("Keys".to_owned(), json!(keys));
            if self.one_of(3) {
                self.project(&mut body, &mut words);
            }
            words.put_into(&mut body);
            tables.insert(table.name.clone(), body.into());
        }
        Request { operation: "BatchGetItem", body: json!({ "RequestItems": tables }) }
    }

    fn batch_write(&mut self) -> Request {
        let mut tables = Map::new();
        for _ in 0..=self.random.below(2) {
            let table = &self.tables[self.random.below(self.tables.len())];
            let writes: Vec<_> = (0..=self.random.below(3))
                .map(|_| {
                    if self.one_of(3) {
                        json!({ "DeleteRequest": { "Key": self.key(table) } })
                    } else {
                        json!({ "PutRequest": { "Item": self.item(table) } })
                    }
                })
                .collect();
            tables.insert(table.name.clone(), writes.into());
        }
        Request { operation: "BatchWriteItem", body: json!({ "RequestItems": tables }) }
    }
}

/// A request about a table.
fn begin(table: &Table) -> Map<String, Value> {
    Map::from_iter([("TableName".to_owned(), table.name.clone().into())])
}
