/* asset: music.identities
   description: Each artist under all of its ids. Those of MusicBrainz have its id; who is known to Spotify alone has that.
   owner: data-engineering
   tags: [music, names]
   write: { mode: replace, key: [artist_id] }
   checks:
     - { unique: [artist_id] }
     - { not_null: [artist_id, name] } */
with known as (
  select distinct musicbrainz_id from music.name_candidates where musicbrainz_id is not null
),
links as (
  select mbid, unnest(links) as link from raw.musicbrainz_artists
),
linked as (
  select
    mbid,
    min(case when link like 'https://open.spotify.com/artist/%' then split_part(link, '/', 5) end) as spotify_id,
    min(case when link like 'https://www.deezer.com/artist/%' then split_part(link, '/', 5) end) as deezer_id
  from links
  group by mbid
),
spotify_names as (
  select id as spotify_id, min(name) as name from raw.spotify_candidates group by id
),
-- Where MusicBrainz knows one artist of a name and does not link it, Spotify's only other one of that name is the same.
alone as (
  select phrase, min(musicbrainz_id) as musicbrainz_id
  from music.name_candidates
  where found_by = 'musicbrainz'
  group by phrase
  having count(distinct musicbrainz_id) = 1
),
by_name as (
  select a.musicbrainz_id, min(s.spotify_id) as spotify_id
  from alone a
  join music.spotify_matches s on s.phrase = a.phrase and s.errors = 0
  left join linked l on l.spotify_id = s.spotify_id
  where l.mbid is null
  group by a.musicbrainz_id
  having count(distinct s.spotify_id) = 1
),
by_link as (
  select musicbrainz_id, min(spotify_id) as spotify_id
  from music.name_candidates
  where found_by = 'spotify and musicbrainz'
  group by musicbrainz_id
),
of_musicbrainz as (
  select
    k.musicbrainz_id,
    coalesce(l.spotify_id, p.spotify_id, b.spotify_id) as spotify_id,
    case when l.spotify_id is not null or p.spotify_id is not null then 'musicbrainz' when b.spotify_id is not null then 'the same name' end
      as spotify_id_by,
    l.deezer_id,
    m.name, m.sort_name, m.note, m.country, m.kind
  from known k
  left join (
    select
      mbid, min(name) as name, min(sort_name) as sort_name, min(nullif(note, '')) as note, min(country) as country, min(kind) as kind
    from (
      select mbid, name, sort_name, note, country, kind from raw.musicbrainz_artists
      union all
      -- Who was found and not read yet has at least a name.
      select c.mbid, c.name, c.sort_name, c.note, c.country, c.kind
      from raw.musicbrainz_candidates c
      left join raw.musicbrainz_artists a on a.mbid = c.mbid
      where a.mbid is null
      union all
      select p.mbid, p.name, cast(null as varchar), cast(null as varchar), cast(null as varchar), cast(null as varchar)
      from raw.musicbrainz_pages p
      left join raw.musicbrainz_artists a on a.mbid = p.mbid
      where a.mbid is null
    )
    group by mbid
  ) m on m.mbid = k.musicbrainz_id
  left join linked l on l.mbid = k.musicbrainz_id
  left join by_link p on p.musicbrainz_id = k.musicbrainz_id
  left join by_name b on b.musicbrainz_id = k.musicbrainz_id
),
of_spotify as (
  select c.spotify_id
  from (
    select phrase, min(spotify_id) as spotify_id
    from music.name_candidates
    where found_by = 'spotify'
    group by phrase
    having count(distinct spotify_id) = 1
  ) c
  left join of_musicbrainz m on m.spotify_id = c.spotify_id
  where m.spotify_id is null
  group by c.spotify_id
)
select
  m.musicbrainz_id as artist_id,
  -- As the artist writes it; where that is in another script, as Spotify shows it.
  coalesce(s.name, m.name) as name,
  m.musicbrainz_id, m.spotify_id, m.spotify_id_by, m.deezer_id as linked_deezer_id,
  m.sort_name, m.note, m.country, m.kind
from of_musicbrainz m
left join spotify_names s on s.spotify_id = m.spotify_id
where coalesce(s.name, m.name) is not null
union all
select
  'spotify:' || o.spotify_id, s.name,
  cast(null as varchar), o.spotify_id, 'spotify', cast(null as varchar),
  cast(null as varchar), cast(null as varchar), cast(null as varchar), cast(null as varchar)
from of_spotify o
join spotify_names s on s.spotify_id = o.spotify_id
