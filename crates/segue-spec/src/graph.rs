//! Which asset is made from which: edges, order, cycles.

use crate::check::asset::Draft;
use crate::check::columns::Tables;
use crate::check::query::{Parsed, Role};
use crate::check::{All, in_parts};
use crate::model::Project;
use crate::name::AssetName;
use crate::sql::{Wanted, resolve_query};
use segue_diag::{CYCLE, Diagnostic, Span};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The edges between the assets of a project: SQL, `for_each`, and copies from the lake. `references` checks are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    up: BTreeMap<AssetName, BTreeSet<AssetName>>,
    down: BTreeMap<AssetName, BTreeSet<AssetName>>,
}

impl Graph {
    /// The graph of a project. Inputs that are no asset of it are left out.
    pub fn of(project: &Project) -> Graph {
        let mut graph = Graph::default();
        for asset in project.assets.values() {
            graph.up.entry(asset.name.clone()).or_default();
            graph.down.entry(asset.name.clone()).or_default();
            for input in asset.reads.iter().filter(|r| project.assets.contains_key(*r)) {
                graph.up.entry(asset.name.clone()).or_default().insert(input.clone());
                graph.down.entry(input.clone()).or_default().insert(asset.name.clone());
            }
        }
        graph
    }

    /// What this asset is made from, directly.
    pub fn inputs(&self, asset: &AssetName) -> impl Iterator<Item = &AssetName> {
        self.up.get(asset).into_iter().flatten()
    }

    /// What is made from this asset, directly.
    pub fn dependants(&self, asset: &AssetName) -> impl Iterator<Item = &AssetName> {
        self.down.get(asset).into_iter().flatten()
    }

    /// Everything that this asset is made from, itself left out.
    pub fn ancestors(&self, asset: &AssetName) -> BTreeSet<AssetName> {
        reach(&self.up, asset)
    }

    /// Everything that is made from this asset, itself left out.
    pub fn descendants(&self, asset: &AssetName) -> BTreeSet<AssetName> {
        reach(&self.down, asset)
    }

    /// All assets, each after everything that it is made from; by name where there is a choice.
    pub fn order(&self) -> Vec<AssetName> {
        let names: Vec<&AssetName> = self.up.keys().collect();
        let index: BTreeMap<&AssetName, usize> = names.iter().enumerate().map(|(i, n)| (*n, i)).collect();
        let inputs: Vec<Vec<usize>> = names
            .iter()
            .map(|n| self.up[*n].iter().filter_map(|i| index.get(i).copied()).collect())
            .collect();
        sort(&inputs).0.into_iter().map(|i| names[i].clone()).collect()
    }
}

fn reach(edges: &BTreeMap<AssetName, BTreeSet<AssetName>>, from: &AssetName) -> BTreeSet<AssetName> {
    let mut reached = BTreeSet::new();
    let mut todo = vec![from];
    while let Some(next) = todo.pop() {
        for other in edges.get(next).into_iter().flatten() {
            if reached.insert(other.clone()) {
                todo.push(other);
            }
        }
    }
    reached.remove(from);
    reached
}

/// An order in which each stands after its inputs, the lowest first where there is a choice; then those that wait for each other.
fn sort(inputs: &[Vec<usize>]) -> (Vec<usize>, Vec<usize>) {
    let mut waiting: Vec<usize> = inputs.iter().map(Vec::len).collect();
    let mut dependants: Vec<Vec<usize>> = vec![Vec::new(); inputs.len()];
    for (i, all) in inputs.iter().enumerate() {
        all.iter().for_each(|input| dependants[*input].push(i));
    }
    let mut ready: BTreeSet<usize> = (0..inputs.len()).filter(|i| waiting[*i] == 0).collect();
    let mut order = Vec::with_capacity(inputs.len());
    while let Some(next) = ready.pop_first() {
        order.push(next);
        for dependant in &dependants[next] {
            waiting[*dependant] -= 1;
            if waiting[*dependant] == 0 {
                ready.insert(*dependant);
            }
        }
    }
    let done: BTreeSet<usize> = order.iter().copied().collect();
    let stuck: Vec<usize> = (0..inputs.len()).filter(|i| !done.contains(i)).collect();
    order.extend(&stuck);
    (order, stuck)
}

/// Finds what each draft reads; the order in which their columns can be found. Cycles are reported.
pub(crate) fn draft_order(all: &mut All<'_>) -> Vec<usize> {
    let tables = Tables::of(all);
    let parts = in_parts(&all.assets, |drafts| {
        drafts.iter().map(|d| draft_reads(d, &tables)).collect::<Vec<_>>()
    });
    for (draft, (reads, listed)) in all.assets.iter_mut().zip(parts.into_iter().flatten()) {
        draft.reads = reads;
        draft.listed = listed.into_iter().collect();
    }
    let named = all.assets.iter().enumerate().filter(|(_, d)| !d.twice);
    let index: BTreeMap<AssetName, usize> = named.filter_map(|(i, d)| Some((d.name.clone()?, i))).collect();
    let inputs: Vec<Vec<usize>> = all
        .assets
        .iter()
        .map(|d| d.reads.keys().filter_map(|r| index.get(r).copied()).collect())
        .collect();
    let (order, stuck) = sort(&inputs);
    let mut found: Vec<Diagnostic> = cycles(&inputs, &stuck)
        .into_iter()
        .filter_map(|cycle| report(all, &cycle))
        .collect();
    all.found.append(&mut found);
    order
}

fn draft_reads(draft: &Draft<'_>, tables: &Tables) -> (BTreeMap<AssetName, Span>, BTreeSet<AssetName>) {
    let mut reads = BTreeMap::new();
    let mut listed = BTreeSet::new();
    for site in draft
        .sites
        .iter()
        .filter(|s| matches!(s.role, Role::Statement | Role::ForEach | Role::CopyFrom))
    {
        if let Parsed::Query(statement) = &site.parsed {
            for read in resolve_query(statement, tables, Wanted::default()).reads {
                if site.role == Role::ForEach {
                    listed.insert(read.table.clone());
                }
                reads
                    .entry(read.table)
                    .or_insert_with(|| site.place(draft.file, read.bytes));
            }
        }
    }
    if draft.kind.as_deref() == Some("lake") {
        let table = draft.root.at(&["copy", "table"]);
        if let Some((node, name)) = table.and_then(|n| Some((n, n.text()?.parse().ok()?))) {
            reads.entry(name).or_insert_with(|| node.span(draft.file));
        }
    }
    // A child table is its asset's: whoever reads it waits for that.
    let parents = reads
        .iter()
        .filter_map(|(name, place)| Some((tables.parent_of(name)?.clone(), place.clone())));
    for (parent, place) in parents.collect::<Vec<_>>() {
        reads.entry(parent).or_insert(place);
    }
    (reads, listed)
}

/// One shortest cycle through each of those that wait for each other and are in no cycle found before.
fn cycles(inputs: &[Vec<usize>], stuck: &[usize]) -> Vec<Vec<usize>> {
    let mut found: Vec<Vec<usize>> = Vec::new();
    for start in stuck {
        if found.iter().any(|c| c.contains(start)) {
            continue;
        }
        if let Some(cycle) = shortest(inputs, *start) {
            found.push(cycle);
        }
    }
    found
}

fn shortest(inputs: &[Vec<usize>], start: usize) -> Option<Vec<usize>> {
    let mut before: BTreeMap<usize, usize> = BTreeMap::new();
    let mut todo = VecDeque::from([start]);
    while let Some(at) = todo.pop_front() {
        for next in &inputs[at] {
            if *next == start {
                let mut path = vec![at];
                while let Some(previous) = path.last().filter(|p| **p != start).and_then(|p| before.get(p)) {
                    path.push(*previous);
                }
                path.reverse();
                return Some(path);
            }
            if !before.contains_key(next) {
                before.insert(*next, at);
                todo.push_back(*next);
            }
        }
    }
    None
}

fn report(all: &All<'_>, cycle: &[usize]) -> Option<Diagnostic> {
    // The same cycle whichever file comes first.
    let name = |i: usize| all.assets[i].name.as_ref();
    let first = cycle
        .iter()
        .enumerate()
        .min_by_key(|(_, i)| name(**i))
        .map_or(0, |(at, _)| at);
    let turned: Vec<usize> = cycle[first..].iter().chain(&cycle[..first]).copied().collect();
    let names: Vec<String> = turned
        .iter()
        .chain(turned.first())
        .filter_map(|i| name(*i))
        .map(AssetName::to_string)
        .collect();
    let next = turned.get(1).unwrap_or(&turned[0]);
    let place = all.assets[turned[0]].reads.get(name(*next)?)?;
    let message = match turned.as_slice() {
        [one] => format!("`{}` reads itself", name(*one)?),
        _ => format!("these assets wait for each other: {}", names.join(" reads ")),
    };
    Some(
        Diagnostic::error(CYCLE, Some(place.clone()), message)
            .hint("break the circle: one of them must do without the other"),
    )
}

#[cfg(test)]
mod tests;
