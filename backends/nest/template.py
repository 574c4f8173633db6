"""The C++ text around a model, for NEST 3.10 and later, and stubs of headers that its wheel lacks.

`NEURON` is a class: an array ``v`` holds what changes in a step, an array ``value`` levels of
inputs, parameters and constants; each can be read and set by its name. Neurons share their values
until one is given another: what a step reads of a neuron's own is what it has to wait for. A
channel of the input buffer belongs to each receptor, and, after those, to each input that a device
changes; NEST sums what is due in a channel. As in NEST's own models, a device's current is felt by
the step after the one at whose end it is due.

A stream is a key of random numbers by counter (`netspec.realise.counters`): what all neurons of a
population have alike of it is one object that they share, and each has the state of its own
sequence, found from its number within the population. Code that draws asks `netspec_bits` for the
bits of a step, so that threads and ranks change nothing.

`MODULE` is a file of such classes. `STUBS` are of headers of Boost and libltdl, which NEST's
headers include and the wheel does not bring. Neurons need nothing of them: what would sort
connections does not compile.
"""

from __future__ import annotations

NEURON = """
class @NAME@;
template <> void nest::RecordablesMap< @NAME@ >::create();

class @NAME@ : public nest::ArchivingNode
{
  enum { states = @STATES@, moving = @MOVING@, fixed = @FIXED@ };
  enum { receptors = @RECEPTORS@, currents = @CURRENTS@, channels = @CHANNELS@ };
  enum { streams = @STREAMS@ };
  static constexpr const char* names[] = { @NAMES@ };
  static inline std::atomic< long > broken { 0 };
  // what neurons have alike; one that is given a value of its own gets a copy of its own
  struct Common
  {
    std::array< double, fixed > value {};
    long rest = 0;
    long first = 0;  // number of the population's first neuron in NEST
    std::array< std::shared_ptr< const netspec_stream >, streams > stream;
    bool operator==( const Common& ) const = default;
  };
  double v[ moving ];
  long left = 0;
  std::array< uint64_t, streams > sequence {};
  std::shared_ptr< const Common > common;
  netspec_input< channels > input;
  nest::UniversalDataLogger< @NAME@ > logger;
  static nest::RecordablesMap< @NAME@ > map;
  friend class nest::RecordablesMap< @NAME@ >;
  friend class nest::UniversalDataLogger< @NAME@ >;
  template < int i > double get() const { return v[ i ]; }

  void init_buffers_() override { input.clear(); logger.reset(); ArchivingNode::clear_history(); }
  void pre_run_hook() override
  {
    logger.init();
    broken = 0;
    for ( int k = 0; k < streams; ++k )
    {
      const auto& stream = common->stream[ k ];
      if ( not stream ) throw nest::BadProperty( "a stream of random numbers has no key" );
      sequence[ k ] = netspec_neuron_state( stream->key, get_node_id() - common->first );
    }
  }
  void finalize() override
  {
    if ( not std::all_of( v, v + states, []( double x ) { return std::isfinite( x ); } ) ) ++broken;
  }

  static size_t slot( nest::Event const& e )
  {
    return nest::kernel().event_delivery_manager.get_modulo(
      e.get_rel_delivery_steps( nest::kernel().simulation_manager.get_slice_origin() ) );
  }

  void update( nest::Time const& origin, const long from, const long to ) override
  {
    const auto& value = common->value;
    const auto& stream = common->stream;
    @REFERENCES@
    for ( long lag = from; lag < to; ++lag )
    {
      // the counter was set to one more than the steps to rest, when the spike was found
      if ( left > 0 ) --left;
      const double active = left == 0 ? 1.0 : 0.0;
      const long step = origin.get_steps() + lag;
      const bool begins = step == 0;
      @STATEMENTS@
      const size_t now = nest::kernel().event_delivery_manager.get_modulo( lag );
      double* const due = input.at( now );
      @ARRIVALS@
      std::fill( due, due + channels, 0.0 );
      if ( left == 0 && ( @THRESHOLD@ ) )
      {
        @RESET@
        left = common->rest + 1;
        set_spiketime( nest::Time::step( step + 1 ) );
        nest::SpikeEvent spike;
        nest::kernel().event_delivery_manager.send( *this, spike, lag );
      }
      logger.record_data( step );
    }
  }

public:
  using nest::Node::handle;
  using nest::Node::handles_test_event;
  @NAME@() : v {}, common( std::make_shared< Common >() ), logger( *this ) { map.create(); }
  @NAME@( const @NAME@& o )
    : nest::ArchivingNode( o ), left( o.left ), common( o.common ), logger( *this )
  {
    std::copy( o.v, o.v + moving, v );
  }
  size_t send_test_event( nest::Node& target, size_t port, nest::synindex, bool ) override
  {
    nest::SpikeEvent e;
    e.set_sender( *this );
    return target.handles_test_event( e, port );
  }
  size_t handles_test_event( nest::SpikeEvent&, size_t port ) override
  {
    if ( port >= receptors ) throw nest::UnknownReceptorType( port, get_name() );
    return port;
  }
  size_t handles_test_event( nest::CurrentEvent&, size_t port ) override
  {
    if ( port >= currents ) throw nest::UnknownReceptorType( port, get_name() );
    return port;
  }
  size_t handles_test_event( nest::DataLoggingRequest& e, size_t port ) override
  {
    if ( port != 0 ) throw nest::UnknownReceptorType( port, get_name() );
    return logger.connect_logging_device( e, map );
  }
  void handle( nest::SpikeEvent& e ) override
  {
    input.at( slot( e ) )[ e.get_rport() ] += e.get_weight() * e.get_multiplicity();
  }
  void handle( nest::CurrentEvent& e ) override
  {
    input.at( slot( e ) )[ receptors + e.get_rport() ] += e.get_weight() * e.get_current();
  }
  void handle( nest::DataLoggingRequest& e ) override { logger.handle( e ); }
  void get_status( Dictionary& d ) const override
  {
    const auto& stream = common->stream;
    for ( int i = 0; i < moving; ++i ) d[ names[ i ] ] = v[ i ];
    for ( int i = 0; i < fixed; ++i ) d[ names[ moving + i ] ] = common->value[ i ];
    d[ "refractory_steps" ] = common->rest;
    d[ "not_finite" ] = broken.load();
    for ( int k = 0; k < streams; ++k )
      netspec_stream::show( d, k, stream[ k ] );
    ArchivingNode::get_status( d );
    d[ nest::names::recordables ] = map.get_list();
  }
  void set_status( const Dictionary& d ) override
  {
    Common own( *common );
    for ( int i = 0; i < moving; ++i ) nest::update_value_param( d, names[ i ], v[ i ], this );
    for ( int i = 0; i < fixed; ++i )
      nest::update_value_param( d, names[ moving + i ], own.value[ i ], this );
    nest::update_value_param( d, "refractory_steps", own.rest, this );
    nest::update_value_param( d, "first_node", own.first, this );
    for ( int k = 0; k < streams; ++k ) netspec_stream::update( d, k, own.stream[ k ] );
    if ( own != *common ) common = std::make_shared< Common >( own );
    ArchivingNode::set_status( d );
  }
};

nest::RecordablesMap< @NAME@ > @NAME@::map;
template <> void nest::RecordablesMap< @NAME@ >::create()
{
  @RECORDABLES@
}
"""

MODULE = """// generated by netspec: neuron models for NEST
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "archiving_node.h"
#include "event_delivery_manager_impl.h"
#include "genericmodel_impl.h"
#include "kernel_manager.h"
#include "model_manager_impl.h"
#include "nest_extension_interface.h"
#include "ring_buffer_impl.h"
#include "universal_data_logger_impl.h"
@COUNTERS@
// what a population has of a stream; it is set whole, or not at all
struct netspec_stream
{
  struct rate
  {
    long begin = 0;  // the first step that draws with it
    std::vector< uint64_t > table;
    std::array< uint16_t, @GUIDE@ > guide {};
  };
  uint64_t key = 0;
  std::vector< rate > rates;  // of Poisson events
  long begin = 0, end = 0, every = 1;  // steps of a noise current, and its numbers
  double mean = 0.0, keep = 0.0, spread = 0.0;

  unsigned int events( const uint64_t state, const long step ) const
  {
    const auto later = []( const long at, const rate& r ) { return at < r.begin; };
    const auto next = std::upper_bound( rates.begin(), rates.end(), step, later );
    if ( next == rates.begin() ) return 0;
    const rate& now = *std::prev( next );
    return netspec_poisson( netspec_bits( state, step ), now.table.data(), now.guide.data() );
  }
  double noise( const uint64_t state, const long step, double& x ) const
  {
    if ( step < begin or step >= end ) return 0.0;
    const long since = step - begin;
    if ( since % every == 0 ) x = keep * x + spread * netspec_normal( state, since / every );
    return mean + x;
  }

  static std::string name( const int number ) { return "stream_" + std::to_string( number ); }
  // PyNEST takes lists only for what the model has as a list
  static void
  show( Dictionary& d, const int number, const std::shared_ptr< const netspec_stream >& stream )
  {
    std::vector< long > begins, sizes, tables;
    for ( const rate& r : stream ? stream->rates : std::vector< rate >() )
    {
      begins.push_back( r.begin );
      sizes.push_back( r.table.size() );
      tables.insert( tables.end(), r.table.begin(), r.table.end() );
    }
    d[ name( number ) + "_begins" ] = begins;
    d[ name( number ) + "_sizes" ] = sizes;
    d[ name( number ) + "_tables" ] = tables;
  }
  void add_rates( const Dictionary& d, const std::string& prefix )
  {
    const auto begins = d.get< std::vector< long > >( prefix + "_begins" );
    const auto sizes = d.get< std::vector< long > >( prefix + "_sizes" );
    const auto tables = d.get< std::vector< long > >( prefix + "_tables" );
    auto at = tables.begin();
    for ( size_t k = 0; k < begins.size(); ++k )
    {
      rate made;
      made.begin = begins[ k ];
      made.table.assign( at, at + sizes[ k ] );
      at += sizes[ k ];
      uint64_t start = 0;
      for ( auto& entry : made.guide )
      {
        const auto found = std::lower_bound( made.table.begin(), made.table.end(), start );
        entry = found - made.table.begin();
        start += UINT64_MAX / made.guide.size() + 1;
      }
      rates.push_back( made );
    }
  }
  static void
  update( const Dictionary& d, const int number, std::shared_ptr< const netspec_stream >& stream )
  {
    const std::string prefix = name( number );
    if ( not d.known( prefix + "_key" ) ) return;
    auto made = std::make_shared< netspec_stream >();
    made->key = d.get< long >( prefix + "_key" );
    if ( d.known( prefix + "_tables" ) ) made->add_rates( d, prefix );
    if ( d.known( prefix + "_every" ) )
    {
      made->begin = d.get< long >( prefix + "_begin" );
      made->end = d.get< long >( prefix + "_end" );
      made->every = d.get< long >( prefix + "_every" );
      made->mean = d.get< double >( prefix + "_mean" );
      made->keep = d.get< double >( prefix + "_keep" );
      made->spread = d.get< double >( prefix + "_spread" );
    }
    stream = made;
  }
};
// The events that are due to a neuron, by slot and channel. Neurons that a thread updates one after
// the other have them side by side in every slot, so that a step reads memory in a row.
template < int channels > class netspec_input
{
  enum { neurons = 248 };  // no power of two: slots of a neuron lie on different lines of a cache
  struct Block
  {
    const size_t slots;
    size_t used = 0;
    std::vector< double > values;
    explicit Block( const size_t n ) : slots( n ), values( n * neurons * channels ) {}
  };
  double* own = nullptr;
  std::shared_ptr< Block > block;

public:
  // Called once for every neuron, by its thread, when all delays are known.
  void clear()
  {
    static thread_local std::shared_ptr< Block > open;
    const auto& delays = nest::kernel().connection_manager;
    const size_t slots = delays.get_min_delay() + delays.get_max_delay();
    if ( not open or open->slots != slots or open->used == neurons )
      open = std::make_shared< Block >( slots );
    block = open;
    own = block->values.data() + channels * block->used++;
  }
  double* at( const size_t slot ) { return own + slot * neurons * channels; }
};
@CLASSES@
class Module : public nest::NESTExtensionInterface
{
public:
  void initialize() override
  {
    @REGISTERED@
  }
};
"""

STUBS = {
    "ltdl.h": "#pragma once\ntypedef void* lt_dlhandle;\n",
    "boost/type_index.hpp": """#pragma once
#include <string>
#include <typeinfo>
namespace boost { namespace typeindex {
struct named { const char* name; std::string pretty_name() const { return name; } };
template < typename T > named type_id() { return { typeid( T ).name() }; }
} }
""",
    "boost/iterator/iterator_adaptor.hpp": """#pragma once
namespace boost {
class iterator_core_access {};
template < class, class, class, class, class > class iterator_facade {};
}
""",
    "boost/tuple/tuple.hpp": """#pragma once
#include <tuple>
#define BOOST_STATIC_ASSERT( ... ) static_assert( __VA_ARGS__ )
namespace boost {
namespace tuples {
template < class, class > struct cons;
template < class > struct length;
template < class... T > using tuple = std::tuple< T... >;
}
template < class... T > using tuple = std::tuple< T... >;
template < int i, class... T > auto& get( std::tuple< T... >& t ) { return std::get< i >( t ); }
}
""",
    "boost/sort/spreadsort/spreadsort.hpp": """#pragma once
namespace boost { namespace sort { namespace spreadsort {
template < class I, class S > void integer_sort( I, I, S )
{
  static_assert( sizeof( I ) == 0, "synapses need Boost's own header: a stub sorts nothing" );
}
} } }
""",
}
