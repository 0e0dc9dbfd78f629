/* asset: music.name_candidates
   description: >
     Whom a name may mean. What MusicBrainz has under the very name counts; else what it links to Spotify's matches; else those matches; and where
     nothing that Spotify found looks like the name, whoever of it has the name as an alias.
   owner: data-engineering
   tags: [music, names]
   write: { mode: replace, allow_empty: true } */
with by_name as (
  select phrase, mbid as musicbrainz_id, cast(null as varchar) as spotify_id, 0 as errors, 'musicbrainz' as found_by
  from music.musicbrainz_matches
),
by_link as (
  select s.phrase, p.mbid as musicbrainz_id, s.spotify_id, cast(s.errors as int) as errors, 'spotify and musicbrainz' as found_by
  from music.spotify_matches s
  join raw.musicbrainz_pages p on p.spotify_id = s.spotify_id
  left join (select distinct phrase from by_name) b on b.phrase = s.phrase
  where b.phrase is null
),
other_script as (
  select distinct n.phrase, n.folded, n.errors_allowed
  from music.names n
  left join (select phrase from by_name union select phrase from music.spotify_matches) b on b.phrase = n.phrase
  where b.phrase is null
),
called as (
  select mbid, name as called from raw.musicbrainz_artists
  union all
  select mbid, sort_name from raw.musicbrainz_artists
  union all
  select mbid, unnest(aliases) from raw.musicbrainz_artists
),
compared as (
  select
    o.phrase, p.mbid, p.spotify_id, o.errors_allowed,
    min(jamo_distance(left(fold_name(c.called), 100), left(o.folded, 100))) as errors
  from other_script o
  join raw.spotify_candidates x on x.phrase = o.phrase
  join raw.musicbrainz_pages p on p.spotify_id = x.id
  join called c on c.mbid = p.mbid
  group by o.phrase, p.mbid, p.spotify_id, o.errors_allowed
),
best as (
  select *, min(errors) over (partition by phrase) as fewest from compared where errors <= errors_allowed
),
by_alias as (
  select phrase, mbid as musicbrainz_id, spotify_id, cast(errors as int) as errors, 'spotify and musicbrainz' as found_by
  from best
  where errors = 0 or fewest > 0
),
by_spotify as (
  select s.phrase, cast(null as varchar) as musicbrainz_id, s.spotify_id, cast(s.errors as int) as errors, 'spotify' as found_by
  from music.spotify_matches s
  left join (select phrase from by_name union select phrase from by_link) b on b.phrase = s.phrase
  where b.phrase is null
)
select * from by_name
union all
select * from by_link
union all
select * from by_alias
union all
select * from by_spotify
