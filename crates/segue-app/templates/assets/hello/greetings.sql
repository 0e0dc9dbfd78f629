/* asset: hello.greetings
   description: A greeting for everyone, in their language.
   owner: you
   write: { mode: replace }
   checks: [ { unique: [name] } ] */
select
  name,
  case language when 'ko' then '안녕하세요, ' when 'fr' then 'Bonjour, ' else 'Hello, ' end || name as greeting
from raw.people
