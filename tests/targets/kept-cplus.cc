/* SPDX-License-Identifier: Apache-2.0 */
/* kept-cplus.cc -- a small C++ program whose heap other tools can judge too
 *
 *   kept-cplus       recorded, and run under valgrind and AddressSanitizer, by tests/e2e/peers-agree.sh
 *
 * It fills a map and deletes it, makes and drops strings, and loses a vector of arrays: 24 bytes to which nothing points, and
 * through them the 128 of its body and nine arrays of 40. The runtime keeps a pool for exceptions.
 */
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

static std::map<int, std::string> *names;
static std::vector<int *> *volatile numbers;

int main()
{
	names = new std::map<int, std::string>;
	for (size_t i = 0; i < 50; i++)
		(*names)[static_cast<int>(i)] = std::string(i * 3, 'x');
	numbers = new std::vector<int *>;
	for (int i = 0; i < 10; i++)
		numbers->push_back(new int[10]);
	delete[](*numbers)[0];
	(*numbers)[0] = nullptr;
	numbers = nullptr;
	for (int i = 0; i < 100; i++)
		std::make_unique<std::string>(200, 'y');
	delete names;
}
