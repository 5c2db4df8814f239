{#- The rows of a report (with `only`, of its finest level) count every live sale once. Of a large fact they are held
    against the aggregate by day, which is held against the fact by a test of its own. A report that was built before
    the fact changed again is not compared until it is built anew. -#}
{% test adds_up_to_the_fact(model, only='true') %}
with report as (
    select coalesce(sum(sales), 0) as sales
    from {{ model }}
    where not _deleted and {{ only }}
),

fact as (
    select sum(sales) as sales
    from (
        select count(*) as sales from {{ ref('fact_sales') }} where not _deleted and {{ audited('fact_sales') }} < 0
        union all
        select sum(sales) from {{ ref('sales_by_day') }} where not _deleted and {{ audited('fact_sales') }} >= 0
    ) as counted
)

select report.sales as sales_in_report, fact.sales as sales_in_fact
from report
cross join fact
where report.sales <> fact.sales
    and sync.table_batch('{{ ref('fact_sales') }}') <= {{ built_batch(model.identifier) }}
{% endtest %}
